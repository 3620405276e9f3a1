#include "certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VALID_SECONDS = 365 * 86400, ALLOWED_SKEW = 86400 };

static int add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    int ok = extension && X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return ok;
}

/* A certificate for `key` without extensions, not signed yet. */
static X509 *begin_certificate(EVP_PKEY *key, const char *common_name)
{
    unsigned char serial[8];
    X509 *certificate = X509_new();
    X509_NAME *name = certificate ? X509_get_subject_name(certificate) : NULL;
    BIGNUM *number = NULL;
    if (!certificate || RAND_bytes(serial, sizeof serial) != 1)
        goto fail;
    serial[0] &= 0x7f;
    number = BN_bin2bn(serial, sizeof serial, NULL);
    if (!number || !BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) ||
        !X509_set_version(certificate, 2) ||
        !X509_gmtime_adj(X509_getm_notBefore(certificate), -ALLOWED_SKEW) ||
        !X509_gmtime_adj(X509_getm_notAfter(certificate), VALID_SECONDS) ||
        !X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common_name,
                                    -1, -1, 0) ||
        !X509_set_pubkey(certificate, key))
        goto fail;
    BN_free(number);
    return certificate;
fail:
    BN_free(number);
    X509_free(certificate);
    return NULL;
}

static X509 *make_authority(EVP_PKEY *key)
{
    X509 *ca = begin_certificate(key, "moonwire simulator authority");
    if (ca && X509_set_issuer_name(ca, X509_get_subject_name(ca)) &&
        add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE") &&
        add_extension(ca, ca, NID_key_usage, "critical,keyCertSign") &&
        add_extension(ca, ca, NID_subject_key_identifier, "hash") &&
        X509_sign(ca, key, EVP_sha256()))
        return ca;
    X509_free(ca);
    return NULL;
}

static X509 *make_server(EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key)
{
    X509 *server = begin_certificate(key, "localhost");
    if (server && X509_set_issuer_name(server, X509_get_subject_name(ca)) &&
        add_extension(server, ca, NID_basic_constraints, "critical,CA:FALSE") &&
        add_extension(server, ca, NID_key_usage, "critical,digitalSignature") &&
        add_extension(server, ca, NID_ext_key_usage, "serverAuth") &&
        add_extension(server, ca, NID_authority_key_identifier, "keyid") &&
        add_extension(server, ca, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
        X509_sign(server, ca_key, EVP_sha256()))
        return server;
    X509_free(server);
    return NULL;
}

/* Writes one of the two into a new file that only we can read. */
static int write_pem(const char *dir, const char *name, X509 *certificate, EVP_PKEY *key,
                     struct mw_err *err)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = len > 0 && (size_t)len < sizeof path
                 ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)
                 : -1;
    /* one that was there before keeps its mode when it is opened */
    FILE *file = fd < 0 || fchmod(fd, 0600) < 0 ? NULL : fdopen(fd, "w");
    if (!file) {
        mw_err_set(err, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            (void)close(fd); /* nothing was written */
        return -1;
    }
    int ok = certificate ? PEM_write_X509(file, certificate)
                         : PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    if (fclose(file) == 0 && ok)
        return 0;
    mw_err_set(err, "%s: %s", path, strerror(errno));
    return -1;
}

int mw_certificate_make(const char *dir, struct mw_err *err)
{
    int result = -1;
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
    X509 *ca = ca_key ? make_authority(ca_key) : NULL;
    X509 *server = ca && key ? make_server(key, ca, ca_key) : NULL;
    if (!server)
        mw_err_set(err, "make a certificate: %s", ERR_reason_error_string(ERR_get_error()));
    else if (write_pem(dir, "ca.pem", ca, NULL, err) == 0 &&
             write_pem(dir, "server.pem", server, NULL, err) == 0 &&
             write_pem(dir, "server.key", NULL, key, err) == 0)
        result = 0;
    X509_free(server);
    X509_free(ca);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
    return result;
}
