#include "tls.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* One context for each store of certificates: reading the system's takes tens of milliseconds. */
struct context {
    struct context *next;
    char *ca_file; /* NULL: the system's */
    SSL_CTX *ssl;
};

struct mw_tls {
    struct context *contexts;
    BIO_METHOD *wires;
};

struct mw_tls *mw_tls_new(struct mw_err *err)
{
    struct mw_tls *tls = calloc(1, sizeof *tls);
    if (tls && (tls->wires = mw_wire_method()))
        return tls;
    mw_err_set(err, "tls: out of memory");
    free(tls);
    return NULL;
}

static void free_context(struct context *context)
{
    if (!context)
        return;
    SSL_CTX_free(context->ssl);
    free(context->ca_file);
    free(context);
}

void mw_tls_free(struct mw_tls *tls)
{
    if (!tls)
        return;
    while (tls->contexts) {
        struct context *next = tls->contexts->next;
        free_context(tls->contexts);
        tls->contexts = next;
    }
    BIO_meth_free(tls->wires);
    free(tls);
}

static const char *openssl_reason(void)
{
    unsigned long code = ERR_get_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return reason ? reason : "no reason given";
}

static int load_store(SSL_CTX *ssl, const char *ca_file, struct mw_err *err)
{
    int ok = ca_file ? SSL_CTX_load_verify_locations(ssl, ca_file, NULL)
                     : SSL_CTX_set_default_verify_paths(ssl);
    if (ok == 1)
        return 0;
    mw_err_set(err, "certificates of %s: %s", ca_file ? ca_file : "the system", openssl_reason());
    return -1;
}

static SSL_CTX *find_context(struct mw_tls *tls, const char *ca_file, struct mw_err *err)
{
    for (struct context *known = tls->contexts; known; known = known->next)
        if (ca_file && known->ca_file ? strcmp(ca_file, known->ca_file) == 0
                                      : ca_file == known->ca_file)
            return known->ssl;
    struct context *context = calloc(1, sizeof *context);
    if (!context)
        goto no_memory;
    context->ca_file = ca_file ? strdup(ca_file) : NULL;
    context->ssl = SSL_CTX_new(TLS_client_method());
    if ((ca_file && !context->ca_file) || !context->ssl)
        goto no_memory;
    SSL_CTX_set_min_proto_version(context->ssl, TLS1_2_VERSION);
    SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context->ssl,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (load_store(context->ssl, ca_file, err) < 0) {
        free_context(context);
        return NULL;
    }
    context->next = tls->contexts;
    tls->contexts = context;
    return context->ssl;
no_memory:
    mw_err_set(err, "out of memory");
    free_context(context);
    return NULL;
}

SSL *mw_tls_open(struct mw_tls *tls, const char *ca_file, const char *host, int fd,
                 struct mw_err *err)
{
    unsigned char address[16];
    SSL_CTX *context = find_context(tls, ca_file, err);
    SSL *ssl = context ? SSL_new(context) : NULL;
    BIO *wire = ssl ? mw_wire_new(tls->wires, fd) : NULL;
    if (!wire) {
        if (context)
            mw_err_set(err, "out of memory");
        goto fail;
    }
    SSL_set_bio(ssl, wire, wire); /* which owns it now */
    bool is_address =
        inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
    int ok = is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host)
                        : SSL_set1_host(ssl, host) && SSL_set_tlsext_host_name(ssl, host);
    if (!ok) {
        mw_err_set(err, "%s", openssl_reason());
        goto fail;
    }
    SSL_set_connect_state(ssl);
    return ssl;
fail:
    mw_err_context(err, "tls");
    SSL_free(ssl);
    return NULL;
}

const char *mw_tls_advice(long verdict)
{
    if (verdict == X509_V_OK || verdict == X509_V_ERR_HOSTNAME_MISMATCH ||
        verdict == X509_V_ERR_CERT_HAS_EXPIRED ||
        verdict == X509_V_ERR_UNSPECIFIED) /* libcurl's for a host name that does not match */
        return "";
    return "; if this is your own certificate authority, name it by ca_file";
}

void mw_tls_explain(SSL *ssl, int result, const char *host, struct mw_err *err)
{
    int saved_errno = errno;
    int kind = SSL_get_error(ssl, result);
    long verdict = SSL_get_verify_result(ssl);
    if (kind == SSL_ERROR_SSL && verdict != X509_V_OK)
        mw_err_set(err, "tls: the certificate of %s is not accepted: %s%s", host,
                   X509_verify_cert_error_string(verdict), mw_tls_advice(verdict));
    else if (kind == SSL_ERROR_SSL)
        mw_err_set(err, "tls: %s", openssl_reason());
    else if (kind == SSL_ERROR_SYSCALL && saved_errno)
        mw_err_set(err, "connection lost: %s", strerror(saved_errno));
    else
        mw_err_set(err, "the peer closed the connection");
    ERR_clear_error();
}
