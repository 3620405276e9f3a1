/* The simulators' certificates, judged by OpenSSL as a client would. */
#include "certificate.h"
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct mw_err err;
static char directory[] = "/tmp/mw-certificate-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name); /* fits */
    return path;
}

static X509 *read_certificate(const char *name)
{
    FILE *file = fopen(path_of(name), "re");
    X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    CHECK(certificate != NULL);
    if (file)
        (void)fclose(file); /* was only read */
    return certificate;
}

static EVP_PKEY *read_key(void)
{
    FILE *file = fopen(path_of("server.key"), "re");
    EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
    CHECK(key != NULL);
    if (file)
        (void)fclose(file); /* was only read */
    return key;
}

/* Verifies `certificate` as a TLS client does that trusts `ca` alone; X509_V_OK or why not. */
static int verify(X509 *ca, X509 *certificate, const char *host, const char *ip, time_t when)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    CHECK(X509_STORE_add_cert(store, ca) == 1);
    CHECK(X509_STORE_CTX_init(context, store, certificate, NULL) == 1);
    X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_X509_STRICT);
    X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_time(rules, when);
    if (host)
        CHECK(X509_VERIFY_PARAM_set1_host(rules, host, 0) == 1);
    if (ip)
        CHECK(X509_VERIFY_PARAM_set1_ip_asc(rules, ip) == 1);
    int result = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return result;
}

static void make(void)
{
    if (mw_certificate_make(directory, &err) < 0)
        CHECK_TEXT(err.text, "certificates");
}

static void accepted(void)
{
    make();
    X509 *ca = read_certificate("ca.pem"), *server = read_certificate("server.pem");
    time_t now = time(NULL);
    CHECK_INT(verify(ca, server, "localhost", NULL, now), X509_V_OK);
    CHECK_INT(verify(ca, server, NULL, "127.0.0.1", now), X509_V_OK);
    CHECK_INT(verify(ca, server, NULL, "::1", now), X509_V_OK);
    CHECK_INT(verify(ca, server, "example.com", NULL, now), X509_V_ERR_HOSTNAME_MISMATCH);
    CHECK_INT(verify(ca, server, "sub.localhost", NULL, now), X509_V_ERR_HOSTNAME_MISMATCH);
    CHECK_INT(verify(ca, server, NULL, "127.0.0.2", now), X509_V_ERR_IP_ADDRESS_MISMATCH);
    X509_free(server);
    X509_free(ca);
}

static void a_year(void)
{
    const time_t now = time(NULL), day = 86400;
    make();
    X509 *ca = read_certificate("ca.pem"), *server = read_certificate("server.pem");
    CHECK_INT(verify(ca, server, "localhost", NULL, now - day / 2), X509_V_OK); /* a wrong clock */
    CHECK_INT(verify(ca, server, "localhost", NULL, now - 2 * day), X509_V_ERR_CERT_NOT_YET_VALID);
    CHECK_INT(verify(ca, server, "localhost", NULL, now + 364 * day), X509_V_OK);
    CHECK_INT(verify(ca, server, "localhost", NULL, now + 366 * day), X509_V_ERR_CERT_HAS_EXPIRED);
    X509_free(server);
    X509_free(ca);
}

/* Two makings share nothing: another authority's certificate is refused. */
static void another_authority(void)
{
    make();
    X509 *first_ca = read_certificate("ca.pem"), *first = read_certificate("server.pem");
    EVP_PKEY *first_key = read_key();
    make();
    X509 *ca = read_certificate("ca.pem"), *server = read_certificate("server.pem");
    EVP_PKEY *key = read_key();
    CHECK_INT(verify(ca, server, "localhost", NULL, time(NULL)), X509_V_OK);
    CHECK(verify(first_ca, server, "localhost", NULL, time(NULL)) != X509_V_OK);
    CHECK(verify(ca, first, "localhost", NULL, time(NULL)) != X509_V_OK);
    CHECK(EVP_PKEY_eq(key, first_key) != 1);
    CHECK(ASN1_INTEGER_cmp(X509_get_serialNumber(server), X509_get_serialNumber(first)) != 0);
    CHECK(ASN1_INTEGER_cmp(X509_get_serialNumber(server), X509_get_serialNumber(ca)) != 0);
    EVP_PKEY_free(key);
    EVP_PKEY_free(first_key);
    X509_free(server);
    X509_free(ca);
    X509_free(first);
    X509_free(first_ca);
}

/* The server's key fits its certificate, and can sign nothing that a client would take. */
static void what_the_key_can_do(void)
{
    make();
    X509 *ca = read_certificate("ca.pem"), *server = read_certificate("server.pem");
    EVP_PKEY *key = read_key();
    char group[32] = "";
    size_t len;
    CHECK_INT(X509_check_private_key(server, key), 1);
    CHECK(X509_check_private_key(ca, key) != 1);
    CHECK(EVP_PKEY_get_group_name(key, group, sizeof group, &len) == 1);
    CHECK_TEXT(group, "prime256v1");
    CHECK_INT(X509_check_ca(server), 0);
    CHECK_INT(X509_check_ca(ca), 1);
    CHECK_INT(X509_get_version(server), 2);
    CHECK_INT(X509_get_key_usage(server), KU_DIGITAL_SIGNATURE);
    CHECK_INT(X509_get_key_usage(ca), KU_KEY_CERT_SIGN);
    CHECK_INT(X509_get_extended_key_usage(server), XKU_SSL_SERVER);
    CHECK(ASN1_INTEGER_get_uint64(&(uint64_t){0}, X509_get_serialNumber(server)) == 1); /* >= 0 */
    SSL_CTX *context = SSL_CTX_new(TLS_server_method()); /* as the server loads them */
    char certificate_path[512];
    (void)snprintf(certificate_path, sizeof certificate_path, "%s", path_of("server.pem"));
    CHECK_INT(SSL_CTX_use_certificate_chain_file(context, certificate_path), 1);
    CHECK_INT(SSL_CTX_use_PrivateKey_file(context, path_of("server.key"), SSL_FILETYPE_PEM), 1);
    CHECK_INT(SSL_CTX_check_private_key(context), 1);
    SSL_CTX_free(context);
    EVP_PKEY_free(key);
    X509_free(server);
    X509_free(ca);
}

/* Three files, for our eyes only, whatever the umask; the authority's key is in none of them. */
static void files(void)
{
    static const char *const names[] = {"ca.pem", "server.pem", "server.key"};
    make();
    for (size_t i = 0; i < 3; i++) { /* one new, two of an older making that others could read */
        if (i == 0)
            CHECK_INT(unlink(path_of(names[i])), 0);
        else
            CHECK_INT(chmod(path_of(names[i]), 0644), 0);
    }
    mode_t before = umask(0);
    make();
    (void)umask(before);
    for (size_t i = 0; i < 3; i++) {
        struct stat about;
        CHECK_INT(stat(path_of(names[i]), &about), 0);
        CHECK_INT(about.st_mode & 07777, 0600);
    }
    int count = 0, keys = 0;
    DIR *open_directory = opendir(directory);
    for (struct dirent *entry; open_directory && (entry = readdir(open_directory));) {
        char text[8192] = "";
        if (entry->d_name[0] == '.')
            continue;
        count++;
        FILE *file = fopen(path_of(entry->d_name), "re");
        CHECK(file && fread(text, 1, sizeof text - 1, file) > 0);
        if (file)
            (void)fclose(file); /* was only read */
        keys += strstr(text, "PRIVATE KEY-----\n") != NULL;
    }
    if (open_directory)
        CHECK_INT(closedir(open_directory), 0);
    CHECK_INT(count, 3);
    CHECK_INT(keys, 1);
}

static void check_refused(const char *dir, const char *why)
{
    CHECK_INT(mw_certificate_make(dir, &err), -1);
    if (!strstr(err.text, why)) {
        printf("expected \"%s\" in \"%s\"\n", why, err.text);
        CHECK(!"the error says why");
    }
}

static void failures(void)
{
    static char deep[5000];
    char missing[512];
    (void)snprintf(missing, sizeof missing, "%s", path_of("missing"));
    check_refused(missing, missing);
    CHECK(strstr(err.text, strerror(ENOENT)));
    check_refused("/dev/null", "/dev/null/ca.pem");
    memset(deep, 'd', sizeof deep - 1);
    deep[0] = '/';
    check_refused(deep, "/ddd"); /* longer than any path */
    /* a disk that is full: what is left of a file is not taken for one */
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    (void)sigaction(SIGXFSZ, &ignore, &before);
    struct rlimit limit, small;
    CHECK_INT(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 100;
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &small), 0);
    int result = mw_certificate_make(directory, &err);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
    (void)sigaction(SIGXFSZ, &before, NULL);
    CHECK_INT(result, -1);
    CHECK(strstr(err.text, path_of("ca.pem")) && strstr(err.text, strerror(EFBIG)));
}

static const struct test_case cases[] = {
    {"a client that trusts the authority accepts the server on loopback only", accepted},
    {"certificates are valid from yesterday for a year", a_year},
    {"each making has its own authority, key and numbers", another_authority},
    {"the server's key fits its certificate and signs no others", what_the_key_can_do},
    {"three files are written that only we can read, one key among them", files},
    {"a place that cannot be written is named", failures},
};

int main(void)
{
    if (!mkdtemp(directory))
        return 1;
    int status = test_main(cases, sizeof cases / sizeof *cases);
    (void)unlink(path_of("ca.pem")); /* may be gone already */
    (void)unlink(path_of("server.pem"));
    (void)unlink(path_of("server.key"));
    if (rmdir(directory) == 0)
        return status;
    printf("%s: %s\n", directory, strerror(errno));
    return 1;
}
