/* What the clients ask of TLS: version 1.2 at least, of WebSocket sessions and of requests. */
#include "http.h"
#include "loopback.h"
#include "ws.h"

#include <openssl/ssl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { CONNECTIONS = 3 };

/* Speaks up to that version and asks for nothing better. */
static SSL_CTX *old_context(const SSL_METHOD *method, int version)
{
    SSL_CTX *context = SSL_CTX_new(method);
    SSL_CTX_set_security_level(context, 0);
    if (!SSL_CTX_set_min_proto_version(context, TLS1_VERSION) ||
        !SSL_CTX_set_max_proto_version(context, version) ||
        !SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0"))
        abort();
    return context;
}

/* Accepts connections; ends with how many of them shook hands. */
static int serve(int fd, int version)
{
    int shaken = 0;
    SSL_CTX *context = old_context(TLS_server_method(), version);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* known to Linux: cannot fail */
    if (SSL_CTX_use_certificate_chain_file(context, cert_file) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1)
        abort();
    for (int i = 0; i < CONNECTIONS; i++) {
        int client = accept(fd, NULL, NULL);
        SSL *ssl = SSL_new(context);
        shaken += SSL_set_fd(ssl, client) && SSL_accept(ssl) == 1;
        SSL_free(ssl);
        (void)close(client); /* was only a test of hands */
    }
    SSL_CTX_free(context);
    return shaken;
}

/* The version that a client gets which takes any; 0 for none. */
static int version_for_any(int port, int version)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SSL_CTX *context = old_context(TLS_client_method(), version);
    SSL *ssl = SSL_new(context);
    CHECK_INT(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    int got = SSL_set_fd(ssl, fd) && SSL_connect(ssl) == 1 ? SSL_version(ssl) : 0;
    SSL_free(ssl);
    SSL_CTX_free(context);
    (void)close(fd);
    return got;
}

static void ask_both(int port)
{
    char url[64];
    struct mw_ws_pool *pool = mw_ws_pool_new(host, &err);
    struct mw_http *http = mw_http_new(host, &err);
    (void)snprintf(url, sizeof url, "wss://127.0.0.1:%d/", port); /* fits */
    CHECK(mw_ws_open(pool, &(struct mw_ws_options){.url = url, .ca_file = ca_file}, &err) != 0);
    (void)wait_for(MW_EVENT_ws_close, 1);
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%d/", port); /* fits */
    struct mw_http_request request = {
        .method = "POST", .url = url, .body = "x", .body_len = 1, .ca_file = ca_file};
    CHECK(mw_http_request(http, &request, &err) != 0);
    (void)wait_for(MW_EVENT_http_done, 1);
    mw_ws_pool_free(pool);
    mw_http_free(http);
}

/* Asks a server that has nothing newer; how many of the three that ask shake hands with it. */
static int shaken_with(int version)
{
    int port, status, fd = bound_socket(&port);
    CHECK_INT(listen(fd, CONNECTIONS), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(serve(fd, version));
    CHECK_INT(version_for_any(port, version), version);
    ask_both(port);
    CHECK_INT(waitpid(child, &status, 0), child);
    (void)close(fd);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void old_versions(void)
{
    int port;
    (void)open_server(false, &port); /* for its host */
    CHECK_INT(shaken_with(TLS1_1_VERSION), 1);
    CHECK(strstr(heard[MW_EVENT_ws_close].text, "tls: ") == heard[MW_EVENT_ws_close].text);
    CHECK(strstr(heard[MW_EVENT_ws_close].text, "version"));
    CHECK_INT(heard[MW_EVENT_http_done].num, 0);
    CHECK_INT(heard[MW_EVENT_http_done].num2, 0); /* nothing has arrived */
    CHECK(strstr(heard[MW_EVENT_http_done].text, "version"));
    close_server();
}

static void version_1_2(void)
{
    int port;
    (void)open_server(false, &port);
    CHECK_INT(shaken_with(TLS1_2_VERSION), 3);
    close_server();
}

static const struct test_case cases[] = {
    {"a server that has TLS 1.1 at most is refused, and nothing is sent", old_versions},
    {"one that has TLS 1.2 is not", version_1_2},
};

int main(void)
{
    return loopback_main(cases, COUNT(cases));
}
