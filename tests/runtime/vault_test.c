/* Secrets: the signatures that the venues print, where secrets come from, and where they stay. */
#include "vault.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static struct mw_err err;
static char directory[] = "/tmp/mw-vault-XXXXXX";

static struct mw_vault *new_vault(struct mw_redactor *redactor)
{
    struct mw_vault *vault = mw_vault_new(redactor, &err);
    if (!vault) {
        printf("%s\n", err.text);
        exit(1);
    }
    return vault;
}

static uint32_t secret_of(struct mw_vault *vault, const char *text)
{
    uint32_t id = mw_vault_from_text(vault, text, strlen(text), &err);
    CHECK(id > 0);
    return id;
}

/* Signatures ----------------------------------------------------------------------------------- */

struct vector {
    const char *secret;
    enum mw_digest digest;
    enum mw_encoding encoding;
    const char *message,
        *expected; /* expected may be the beginning only: as much as the page has */
};

#define INDODAX_A "da78a39e9dda31c399bcc293d997a347dc7fd0408cb5151931243a302b273ec3238510ea61e11f7c"
#define INDODAX_B "f60617a68fcce028f0a90bc9eb765d17379eb548cc935c01a7ee3186eecf870e9b68f27a31bcfe8d"
#define INDODAX_C "5f2d9c0e7b1a4483a6c1f0e2d3b4a596878899aabbccddeeff00112233445566778899aabbccddee"
#define INDODAX_KEY_C "MWDEMO01-KEYAAAA1-KEYBBBB2-KEYCCCC3-KEYDDDD4"
#define HISTORIES "symbol=btcidr&limit=100&timestamp=1578304294000&recvWindow=1578303937000"

static const struct vector indodax[] = {
    /* Deadman-Switch.md, query string and body: printed there */
    {INDODAX_A, MW_SHA512, MW_HEX,
     "pair=btc_idr%2Ceth_idr&countdownTime=10000&timestamp=1578304294001&recvWindow=1578303937000",
     "29ff89378b9f33954b0f5319488190078f091c7723d886c5c2a4a0b06ef793d7"
     "d3b99155d63410203a21355e5e2757cb4e566adbd67ec37b8257a68d8c72877c"},
    {INDODAX_A, MW_SHA512, MW_HEX,
     "pair=btc_idr,eth_idr&countdownTime=10000&timestamp=1578304294001&recvWindow=1578303937000",
     "b4f03574d264ffbaa37eadd8460f50dbb9ae6f12d4852a46d8654d472838aaa1"
     "de99248e958c904333e61738a00462d49f32bcd3258d8a3defca8c73b8d60d09"},
    /* the same page says "Key" for the key: what that would give is not what it prints */
    {"LSCE7NJG-JACRNTBX-D834R4UG-KMMTV8OP-PS1NHRBA", MW_SHA512, MW_HEX,
     "pair=btc_idr%2Ceth_idr&countdownTime=10000&timestamp=1578304294001&recvWindow=1578303937000",
     "d96ba438"},
    /* Private-RestAPI.md: getInfo, printed there */
    {INDODAX_B, MW_SHA512, MW_HEX,
     "method=getInfo&timestamp=1578304294000&recvWindow=1578303937000",
     "bab004e5a518740d7a33b38b44dbebecd3fb39f40b42391af39fcce06edabff5"
     "233b3e8064a07c528d1c751a6923d5116026c7786e01b22e2d35277a098cae99"},
    /* Trade API 2, both generations; the page prints getInfo's by mistake */
    {INDODAX_B, MW_SHA512, MW_HEX, HISTORIES,
     "9f8c7120bd79b4d7d64145c926fab31e131e40c24e539b399d98955a24538721"
     "ef3192607d3a39469db82c8f9b91c93a081998cd25d647fd04ef012768229932"},
    {INDODAX_B, MW_SHA256, MW_HEX, HISTORIES,
     "eeb688c782ef4cad36908b54ab4ff8fa259a44c40f7e573529f9d88c1070ae66"},
    /* key C: token, trade, cancel by client order id, dead-man */
    {INDODAX_C, MW_SHA512, MW_HEX, "client=tapi&tapi_key=" INDODAX_KEY_C,
     "f2b68aa402d23484a1103ae3c597353d1902b2da81f611d92ec2f59bcc71b096"
     "bbe91656fea7a0b066365c815d340c526f3526399d180f24514a734b1a0575b9"},
    {INDODAX_C, MW_SHA512, MW_HEX,
     "method=trade&pair=btc_idr&type=buy&price=1550000000&btc=0.00001500&order_type=limit"
     "&time_in_force=GTC&client_order_id=mw-7f3a-000001&timestamp=1790000000123&recvWindow=5000",
     "547d2364c87c8a75f9cf73d0b855e4deae2b76b97bc122f778dd7da976e8875d"
     "70539858ebdd7ef3dcf7c9ce3f5d07d2a5322b3bf4aef70e2cb68d00ad3922b7"},
    {INDODAX_C, MW_SHA512, MW_HEX,
     "method=cancelByClientOrderId&client_order_id=mw-7f3a-000001&nonce=1790000000124001",
     "17b29c81455f191b7229fc77cbd5d9d53ce4c66fb05e438c61c949afa60c8ac6"
     "6c63ae9e4b451de3757e4df8cbac3fd31323ead14bf7d633bb2c74f3c6c6aacb"},
    {INDODAX_C, MW_SHA512, MW_HEX,
     "pair=btc_idr,eth_idr&countdownTime=120000&timestamp=1790000001000&recvWindow=5000",
     "870024c5f309549bd7c20c3696364d3747c16851a697a995b3364446e535a992"
     "12fba9d3d2f6edc9a78f793efc8e0f4b3d7ac63b4fcb8f2876eb47c2e702c3f6"},
};

#define FINERY "mwDemoSecret3Jt8BzXq5LrVn0KdPyGmCwAe7HsUf"
#define FINERY_ADD                                                                                 \
    "{\"instrument\":\"BTC-USD\",\"clientOrderId\":9007199254740993,\"price\":6512345000000,"      \
    "\"size\":25000000,\"side\":\"bid\",\"type\":\"limitIOC\",\"cod\":false,"                      \
    "\"nonce\":1763683200123457,\"timestamp\":1763683200124}"

/* Finery, API page "Authentication": V1 to V4, then the two that are wrong on purpose */
static const struct vector finery[] = {
    {FINERY, MW_SHA384, MW_BASE64, "{\"nonce\":1763683200123456,\"timestamp\":1763683200123}",
     "IXjpL6erhOzuKrduwZohBobvM3iCsGNpheAT3CSZn2fjM3U3VcJE1KHOmrray6mF"},
    {FINERY, MW_SHA384, MW_BASE64, "add" FINERY_ADD,
     "AKI0KrOQqvWOk6wZmWFZVc95WAltxgP1PzS5T+nIs7+t6JSx+yljipsvX5ix7UeD"},
    {FINERY, MW_SHA384, MW_BASE64,
     "instruments{\"nonce\":1763683200123458,\"timestamp\":1763683200125}",
     "2p1HCE7UoXhuxMNfZ3Xykw69s2Udsaf3GCMsnF/G5WkoTi2Siwtw9pVE1dxmjSPR"},
    {FINERY, MW_SHA384, MW_BASE64,
     "pending/add{\"nonce\":1763683200123459,\"timestamp\":1763683200126}",
     "aO9RfyNxmb6u8lMr5bAyAmi7RxixIwEoejh5RtUemWI3QAq+HrR0p8/+2yuiQZNZ"},
    {FINERY, MW_SHA384, MW_BASE64, "{\"nonce\":1.7636832001235e+15,\"timestamp\":1763683200123}",
     "90MZmaDX"},
    {FINERY, MW_SHA384, MW_BASE64, FINERY_ADD, "Ka1BZCp4"},
};

/* Peatio: doc/websocket_api.md and REST of the HMAC dialect; REST of 2.x and 3.x. Our page gives
 * the results of the last two in each other's place; these are what OpenSSL computes. */
static const struct vector peatio[] = {
    {"SKTEST1", MW_SHA256, MW_HEX, "AKTEST1ch_all-enge9",
     "8d1aace9b9979f956b095a8496bfc7b1719ea6758ba362626ae19050cc1289bf"},
    {"SKTEST1", MW_SHA256, MW_HEX,
     "POST|/api/v2/orders|access_key=AKTEST1&market=btcusd&price=7000.5&side=buy"
     "&tonce=1530000000123&volume=0.25",
     "7d9cfa1abc741160c554269c9e733134903a3a112e3343f583cc534542c210c1"},
    {"SKTEST1", MW_SHA256, MW_HEX,
     "POST|/api/v2/orders/multi|access_key=AKTEST1&market=btcusd&orders[][price]=10"
     "&orders[][side]=buy&orders[][volume]=1&tonce=1530000000123",
     "3f4599207bb0cf2086d5018149ca94a9a1caf488b3c8539426521946a58ca3d4"},
    {"apisecret1", MW_SHA256, MW_HEX, "1530000000123kid0001",
     "dbc6118ede6ae1c9477f7cc9f7d6d5e8f79525fdee309143faf7f09ff721f959"},
};

#define WANT "what do ya want for nothing?"
#define LONG_KEY "Test Using Larger Than Block-Size Key - Hash Key First"
#define AA "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
#define AA131 AA AA AA AA AA AA AA AA AA AA AA AA AA "\xaa"

/* RFC 4231, cases 2 and 6, in each digest and encoding */
static const struct vector rfc4231[] = {
    {"Jefe", MW_SHA256, MW_HEX, WANT,
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {"Jefe", MW_SHA384, MW_HEX, WANT,
     "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47"
     "e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"},
    {"Jefe", MW_SHA512, MW_HEX, WANT,
     "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
     "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
    {"Jefe", MW_SHA256, MW_BASE64, WANT, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="},
    {"Jefe", MW_SHA512, MW_BASE64, WANT,
     "Fkt6e/z4GeLjlfvnO1bgo4e9ZCIugx/WECcM1+olBVSXWL91wFqZSm0DT2X48Ob9yuqxo01Ka0tjbgcKOLznNw=="},
    {AA131, MW_SHA256, MW_HEX, LONG_KEY,
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    {AA131, MW_SHA384, MW_HEX, LONG_KEY,
     "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f"
     "3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952"},
    {AA131, MW_SHA512, MW_HEX, LONG_KEY,
     "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
     "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"},
};

static void check_vectors(const struct vector *vectors, size_t count)
{
    static const size_t full[3][2] = {{64, 44}, {96, 64}, {128, 88}};
    struct mw_vault *vault = new_vault(NULL);
    for (size_t i = 0; i < count; i++) {
        const struct vector *v = &vectors[i];
        uint32_t id = secret_of(vault, v->secret);
        char *out = malloc(MW_SIGNATURE_MAX); /* not a byte more than the header asks for */
        if (!out)
            abort();
        size_t len = mw_vault_hmac(vault, id, v->digest, v->message, strlen(v->message),
                                   v->encoding, out, &err);
        CHECK_INT(len, full[v->digest][v->encoding]);
        CHECK_INT(strlen(out), len);
        out[strlen(v->expected) < len ? strlen(v->expected) : len] = '\0';
        CHECK_TEXT(out, v->expected);
        free(out);
    }
    mw_vault_free(vault);
}

static void indodax_signatures(void)
{
    check_vectors(indodax, sizeof indodax / sizeof *indodax);
}

static void finery_signatures(void)
{
    check_vectors(finery, sizeof finery / sizeof *finery);
}

static void peatio_signatures(void)
{
    check_vectors(peatio, sizeof peatio / sizeof *peatio);
}

static void rfc_signatures(void)
{
    check_vectors(rfc4231, sizeof rfc4231 / sizeof *rfc4231);
}

/* Instamrkt, "Nonce and hexdigest": SHA-256 over user id, nonce and the session key, joined */
static void instamrkt_digests(void)
{
    static const struct {
        const char *before, *secret, *expected;
    } rows[] = {
        {"171763683200123", "9f1c0a52-6d3e-4b7a-8e25-c1d4f7a90b36",
         "163e05c7b86e4f234f2e8c9b9c8a9e23f866dd2153e02437ff28628fb6fdcc87"},
        {"4821mw-7f3a", "k3y", "493a93478f39df21ba354ea348d08110c65751168cb9f370451ffce9abff9410"},
        {"17:1763683200123:", "9f1c0a52-6d3e-4b7a-8e25-c1d4f7a90b36", "b64a30e2"},
    };
    struct mw_vault *vault = new_vault(NULL);
    char out[MW_SIGNATURE_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t id = secret_of(vault, rows[i].secret);
        const char *joined = mw_vault_join_begin(vault);
        CHECK_INT(mw_vault_join_text(vault, rows[i].before, strlen(rows[i].before)), 0);
        CHECK_INT(mw_vault_join_secret(vault, id), 0);
        size_t len = mw_vault_join_end(vault);
        CHECK_INT(mw_vault_digest(MW_SHA256, joined, len, MW_HEX, out, &err), 64);
        mw_vault_wipe(vault);
        out[strlen(rows[i].expected)] = '\0';
        CHECK_TEXT(out, rows[i].expected);
    }
    /* not a keyed digest, whatever the other page says */
    uint32_t id = secret_of(vault, rows[0].secret);
    CHECK_INT(mw_vault_hmac(vault, id, MW_SHA256, "171763683200123", 15, MW_HEX, out, &err), 64);
    CHECK(strncmp(out, "17564885", 8) == 0);
    mw_vault_free(vault);
}

static void plain_digests(void)
{
    char out[MW_SIGNATURE_MAX]; /* FIPS 180-4: the empty text and "abc" */
    CHECK_INT(mw_vault_digest(MW_SHA256, "", 0, MW_HEX, out, &err), 64);
    CHECK_TEXT(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK_INT(mw_vault_digest(MW_SHA384, "abc", 3, MW_HEX, out, &err), 96);
    CHECK_TEXT(out, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163"
                    "1a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
    CHECK_INT(mw_vault_digest(MW_SHA512, "abc", 3, MW_BASE64, out, &err), 88);
    CHECK_TEXT(out, "3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q8"
                    "6A4qmslPpUyknw==");
}

/* The keyed contexts are kept and used again: one message must leave nothing for the next. */
static void signing_again_and_again(void)
{
    static const enum mw_digest order[] = {MW_SHA512, MW_SHA256, MW_SHA512, MW_SHA384,
                                           MW_SHA256, MW_SHA384, MW_SHA512};
    struct mw_vault *vault = new_vault(NULL);
    uint32_t jefe = secret_of(vault, "Jefe"), other = secret_of(vault, "other");
    char out[MW_SIGNATURE_MAX];
    for (size_t i = 0; i < 3 * sizeof order / sizeof *order; i++) {
        enum mw_digest digest = order[i % (sizeof order / sizeof *order)];
        CHECK(mw_vault_hmac(vault, other, digest, WANT, i, MW_HEX, out, &err) > 0);
        CHECK(mw_vault_hmac(vault, jefe, digest, "", 0, MW_HEX, out, &err) > 0);
        CHECK(mw_vault_hmac(vault, jefe, digest, WANT, strlen(WANT), MW_HEX, out, &err) > 0);
        CHECK_TEXT(out, rfc4231[digest].expected);
    }
    mw_vault_free(vault);
}

static void names(void)
{
    CHECK_INT(mw_digest_of("sha256"), MW_SHA256);
    CHECK_INT(mw_digest_of("sha384"), MW_SHA384);
    CHECK_INT(mw_digest_of("sha512"), MW_SHA512);
    CHECK_INT(mw_digest_of("SHA256"), -1);
    CHECK_INT(mw_digest_of("md5"), -1);
    CHECK_INT(mw_digest_of(""), -1);
    CHECK_INT(mw_encoding_of("hex"), MW_HEX);
    CHECK_INT(mw_encoding_of("base64"), MW_BASE64);
    CHECK_INT(mw_encoding_of("base64url"), -1);
}

/* Where secrets come from ---------------------------------------------------------------------- */

static const char *path_of(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name); /* fits */
    return path;
}

static const char *write_file(const char *name, const char *bytes, size_t len, mode_t mode)
{
    const char *path = path_of(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, bytes, len) == (ssize_t)len && fchmod(fd, mode) == 0);
    if (fd >= 0)
        CHECK_INT(close(fd), 0);
    return path;
}

/* The text that a secret signs with is `text`, and nothing else. */
static void check_is(struct mw_vault *vault, uint32_t id, const char *text, size_t len)
{
    char out[MW_SIGNATURE_MAX], expected[MW_SIGNATURE_MAX];
    uint32_t same = mw_vault_from_text(vault, text, len, &err);
    CHECK(mw_vault_hmac(vault, same, MW_SHA256, "m", 1, MW_HEX, expected, &err) > 0);
    CHECK(mw_vault_hmac(vault, id, MW_SHA256, "m", 1, MW_HEX, out, &err) > 0);
    CHECK_TEXT(out, expected);
    mw_vault_forget(vault, same);
}

/* A token that somebody renews in its file is read again, and a bad file leaves the old one. */
static void reloading(void)
{
    struct mw_vault *vault = new_vault(NULL);
    const char *path = write_file("token", "first", 5, 0600);
    uint32_t id = mw_vault_from_file(vault, path, &err);
    char out[MW_SIGNATURE_MAX];
    CHECK(mw_vault_hmac(vault, id, MW_SHA256, "m", 1, MW_HEX, out, &err) > 0);
    (void)write_file("token", "the second\n", 11, 0600);
    CHECK_INT(mw_vault_reload(vault, id, &err), 0);
    check_is(vault, id, "the second", 10);
    CHECK_TEXT(mw_vault_source(vault, id), path);
    (void)write_file("token", "open", 4, 0644);
    CHECK_INT(mw_vault_reload(vault, id, &err), -1);
    CHECK(strstr(err.text, "chmod 600") != NULL);
    (void)write_file("token", "", 0, 0600);
    CHECK_INT(mw_vault_reload(vault, id, &err), -1);
    CHECK(unlink(path) == 0);
    CHECK_INT(mw_vault_reload(vault, id, &err), -1);
    CHECK(strstr(err.text, path) != NULL);
    check_is(vault, id, "the second", 10);
    uint32_t text = secret_of(vault, "typed in");
    CHECK_INT(mw_vault_reload(vault, text, &err), -1);
    CHECK(strstr(err.text, "no file") != NULL);
    mw_vault_forget(vault, text);
    CHECK_INT(mw_vault_reload(vault, text, &err), -1);
    mw_vault_free(vault);
}

static void check_refused(uint32_t id, const char *place, const char *why)
{
    CHECK_INT(id, 0);
    if (!strstr(err.text, place) || !strstr(err.text, why)) {
        printf("expected an error with \"%s\" and \"%s\", got \"%s\"\n", place, why, err.text);
        CHECK(!"the error names the place");
    }
}

static void environment(void)
{
    static char text[MW_VAULT_SECRET_MAX + 2];
    struct mw_vault *vault = new_vault(NULL);
    (void)setenv("MW_TEST_KEY", "from the environment", 1);
    uint32_t id = mw_vault_from_env(vault, "MW_TEST_KEY", &err);
    check_is(vault, id, "from the environment", 20);
    CHECK(getenv("MW_TEST_KEY") == NULL);
    CHECK_TEXT(mw_vault_source(vault, id), "MW_TEST_KEY");
    check_refused(mw_vault_from_env(vault, "MW_TEST_KEY", &err), "MW_TEST_KEY", "not set");
    (void)setenv("MW_TEST_KEY", "", 1);
    check_refused(mw_vault_from_env(vault, "MW_TEST_KEY", &err), "MW_TEST_KEY", "empty");
    memset(text, 'k', sizeof text - 1);
    (void)setenv("MW_TEST_KEY", text, 1);
    check_refused(mw_vault_from_env(vault, "MW_TEST_KEY", &err), "MW_TEST_KEY", "too long");
    CHECK(!strstr(err.text, "kkk"));
    text[MW_VAULT_SECRET_MAX] = '\0';
    (void)setenv("MW_TEST_KEY", text, 1);
    id = mw_vault_from_env(vault, "MW_TEST_KEY", &err);
    check_is(vault, id, text, MW_VAULT_SECRET_MAX);
    mw_vault_free(vault);
}

static void file_contents(void)
{
    static char text[MW_VAULT_SECRET_MAX + 8];
    static const struct {
        const char *written, *secret;
    } rows[] = {
        {"secret in a file", "secret in a file"},
        {"with a line end\n", "with a line end"},
        {"with two\n\n", "with two\n"},
        {" blanks are kept ", " blanks are kept "},
        {"-----BEGIN\nmore\n-----END\n", "-----BEGIN\nmore\n-----END"},
        {"x", "x"},
    };
    struct mw_vault *vault = new_vault(NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *path = write_file("content", rows[i].written, strlen(rows[i].written), 0600);
        uint32_t id = mw_vault_from_file(vault, path, &err);
        check_is(vault, id, rows[i].secret, strlen(rows[i].secret));
        CHECK_TEXT(mw_vault_source(vault, id), path);
    }
    memset(text, 'k', sizeof text);
    text[MW_VAULT_SECRET_MAX] = '\n';
    for (size_t len = MW_VAULT_SECRET_MAX - 1; len <= MW_VAULT_SECRET_MAX + 1; len++) {
        uint32_t id = mw_vault_from_file(vault, write_file("content", text, len, 0600), &err);
        check_is(vault, id, text, len < MW_VAULT_SECRET_MAX ? len : MW_VAULT_SECRET_MAX);
    }
    text[MW_VAULT_SECRET_MAX] = 'k';
    for (size_t len = MW_VAULT_SECRET_MAX + 1; len <= sizeof text; len++) {
        const char *path = write_file("content", text, len, 0600);
        check_refused(mw_vault_from_file(vault, path, &err), path, "too long");
        CHECK(!strstr(err.text, "kkk"));
    }
    mw_vault_free(vault);
}

static void file_modes(void)
{
    static const mode_t refused[] = {0640, 0604, 0644, 0660, 0620, 0602, 0610, 0601, 0777, 0440};
    struct mw_vault *vault = new_vault(NULL);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char mode[8];
        (void)snprintf(mode, sizeof mode, "%03o", (unsigned)refused[i]); /* fits */
        const char *path = write_file("mode", "secret in a file", 16, refused[i]);
        check_refused(mw_vault_from_file(vault, path, &err), path, mode);
        CHECK(strstr(err.text, "others") && !strstr(err.text, "secret in a"));
        CHECK_INT(unlink(path), 0);
    }
    CHECK(mw_vault_from_file(vault, write_file("mode", "12345678", 8, 0600), &err) > 0);
    CHECK(mw_vault_from_file(vault, write_file("mode", "12345678", 8, 0400), &err) > 0);
    if (geteuid() == 0) { /* only root can play somebody else */
        const char *path = write_file("mode", "12345678", 8, 0600);
        CHECK_INT(chown(path, 65534, 65534), 0);
        check_refused(mw_vault_from_file(vault, path, &err), path, "somebody else");
    }
    mw_vault_free(vault);
}

static void no_such_file(void)
{
    struct mw_vault *vault = new_vault(NULL);
    const char *path = path_of("missing");
    check_refused(mw_vault_from_file(vault, path, &err), path, strerror(ENOENT));
    check_refused(mw_vault_from_file(vault, directory, &err), directory, "not a regular file");
    check_refused(mw_vault_from_file(vault, "/dev/null", &err), "/dev/null", "not a regular file");
    path = path_of("pipe");
    CHECK_INT(mkfifo(path, 0600), 0); /* nobody writes: must not wait for one */
    check_refused(mw_vault_from_file(vault, path, &err), path, "not a regular file");
    CHECK_INT(unlink(path), 0);
    path = write_file("nothing", "", 0, 0600);
    check_refused(mw_vault_from_file(vault, path, &err), path, "empty");
    path = write_file("nothing", "\n", 1, 0600);
    check_refused(mw_vault_from_file(vault, path, &err), path, "empty");
    mw_vault_free(vault);
}

static void texts(void)
{
    static char text[MW_VAULT_SECRET_MAX + 1];
    struct mw_vault *vault = new_vault(NULL);
    char given[] = "copied text";
    uint32_t id = secret_of(vault, given);
    memset(given, 'x', sizeof given - 1);
    check_is(vault, id, "copied text", 11);
    CHECK(!strstr(mw_vault_source(vault, id), "copied"));
    check_refused(mw_vault_from_text(vault, "", 0, &err), "1 to 16384", "not 0");
    memset(text, 'k', sizeof text);
    check_refused(mw_vault_from_text(vault, text, sizeof text, &err), "1 to 16384", "not 16385");
    id = mw_vault_from_text(vault, text, sizeof text - 1, &err);
    check_is(vault, id, text, sizeof text - 1);
    mw_vault_free(vault);
}

static void quoting(void)
{
    struct mw_vault *vault = new_vault(NULL);
    uint32_t id = secret_of(vault, "a\"b\\c\n\x1f \xc3\xa4/");
    uint32_t quoted = mw_vault_quoted(vault, id, &err);
    static const char expected[] = "\"a\\\"b\\\\c\\u000a\\u001f \xc3\xa4/\"";
    check_is(vault, quoted, expected, sizeof expected - 1);
    CHECK_TEXT(mw_vault_source(vault, quoted), mw_vault_source(vault, id));
    check_is(vault, mw_vault_quoted(vault, secret_of(vault, "plain"), &err), "\"plain\"", 7);
    mw_vault_forget(vault, id);
    check_refused(mw_vault_quoted(vault, id, &err), "secret", "gone");
    check_refused(mw_vault_quoted(vault, 0, &err), "secret", "gone");
    mw_vault_free(vault);
}

static void forgetting(void)
{
    char out[MW_SIGNATURE_MAX];
    struct mw_vault *vault = new_vault(NULL);
    uint32_t first = secret_of(vault, "first secret"), second = secret_of(vault, "second secret");
    CHECK(first != second);
    CHECK(mw_vault_hmac(vault, first, MW_SHA256, "m", 1, MW_HEX, out, &err) > 0);
    mw_vault_forget(vault, first);
    mw_vault_forget(vault, first);
    mw_vault_forget(vault, 0);
    mw_vault_forget(vault, 257);
    mw_vault_forget(vault, UINT32_MAX);
    const uint32_t gone[] = {first, 0, 256, 257, UINT32_MAX};
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        size_t len = mw_vault_hmac(vault, gone[i], MW_SHA256, "m", 1, MW_HEX, out, &err);
        check_refused((uint32_t)len, "secret", "gone");
        CHECK_TEXT(mw_vault_source(vault, gone[i]), "");
        CHECK(mw_vault_join_begin(vault) != NULL);
        CHECK_INT(mw_vault_join_secret(vault, gone[i]), -1);
        mw_vault_wipe(vault);
    }
    check_is(vault, second, "second secret", 13);
    check_is(vault, secret_of(vault, "third secret"), "third secret", 12); /* not the first's key */
    mw_vault_free(vault);
    mw_vault_free(NULL);
}

static void a_full_vault(void)
{
    struct mw_vault *vault = new_vault(NULL);
    char text[32];
    for (int i = 0; i < 256; i++) {
        (void)snprintf(text, sizeof text, "secret %d", i); /* fits */
        CHECK(secret_of(vault, text) > 0);
    }
    const char *path = write_file("full", "one too many", 12, 0600);
    check_refused(mw_vault_from_file(vault, path, &err), path, "no room");
    (void)setenv("MW_TEST_KEY", "one too many", 1);
    check_refused(mw_vault_from_env(vault, "MW_TEST_KEY", &err), "MW_TEST_KEY", "no room");
    CHECK(!strstr(err.text, "too many"));
    mw_vault_forget(vault, 100);
    check_is(vault, 101, "secret 100", 10);
    CHECK_INT(mw_vault_from_file(vault, path, &err), 100); /* the place that is free */
    (void)unsetenv("MW_TEST_KEY");
    mw_vault_free(vault);
}

/* Where they stay ------------------------------------------------------------------------------ */

static void redacted(void)
{
    struct mw_redactor *redactor = mw_redactor_new(&err);
    if (!redactor)
        abort();
    struct mw_vault *vault = new_vault(redactor);
    char text[64];
    (void)setenv("MW_TEST_KEY", "first-secret", 1);
    CHECK(mw_vault_from_env(vault, "MW_TEST_KEY", &err) > 0);
    const char *path = write_file("redacted", "other-secret\n", 13, 0600);
    CHECK(mw_vault_from_file(vault, path, &err) > 0);
    uint32_t third = secret_of(vault, "third-secret");
    (void)snprintf(text, sizeof text, "first-secret other-secret third-secret."); /* fits */
    text[mw_redact(redactor, text, strlen(text))] = '\0';
    CHECK_TEXT(text, "[secret] [secret] [secret].");
    mw_vault_forget(vault, third); /* what is forgotten may still be in a text that comes later */
    (void)snprintf(text, sizeof text, "third-secret");
    text[mw_redact(redactor, text, strlen(text))] = '\0';
    CHECK_TEXT(text, "[secret]");
    mw_vault_free(vault);
    mw_redactor_free(redactor);
}

static void scratch(void)
{
    enum { LEVELS = 4, ROOM = 256 * 1024 };
    struct mw_vault *vault = new_vault(NULL);
    uint32_t id = secret_of(vault, "SECRET");
    char *level[LEVELS];
    for (int i = 0; i < LEVELS; i++) {
        level[i] = mw_vault_join_begin(vault);
        CHECK_INT(mw_vault_join_text(vault, "a=", 2), 0);
        CHECK_INT(mw_vault_join_secret(vault, id), 0);
        CHECK_INT(mw_vault_join_text(vault, "&b=0123456789", i), 0);
        CHECK_INT(mw_vault_join_end(vault), 8 + i);
    }
    CHECK(mw_vault_join_begin(vault) == NULL);
    CHECK_TEXT(level[0], "a=SECRET");
    CHECK_TEXT(level[3], "a=SECRET&b=");
    mw_vault_wipe(vault);
    for (int i = 0; i < LEVELS; i++)
        for (int at = 0; at < 16; at++)
            CHECK_INT(level[i][at], 0);
    char *filler = calloc(1, ROOM);
    char *joined = mw_vault_join_begin(vault);
    if (!filler || !joined)
        abort();
    memset(filler, 'f', ROOM);
    CHECK_INT(mw_vault_join_text(vault, filler, ROOM), -1); /* the NUL has no room */
    CHECK_INT(mw_vault_join_text(vault, filler, ROOM - 6), 0);
    CHECK_INT(mw_vault_join_secret(vault, id), -1);
    CHECK_INT(mw_vault_join_text(vault, filler, 5), 0);
    CHECK_INT(mw_vault_join_text(vault, filler, 1), -1);
    CHECK_INT(mw_vault_join_end(vault), ROOM - 1);
    CHECK_INT(strlen(joined), ROOM - 1);
    mw_vault_wipe(vault);
    size_t left = 0;
    for (size_t at = 0; at < ROOM; at++)
        left += joined[at] != 0;
    CHECK_INT(left, 0);
    mw_vault_wipe(vault); /* nothing to wipe */
    free(filler);
    mw_vault_free(vault);
}

static const struct test_case cases[] = {
    {"Indodax: token, TAPI, dead-man and Trade API 2 are signed as printed", indodax_signatures},
    {"Finery: handshake and REST calls are signed as printed", finery_signatures},
    {"Peatio: challenge, REST and gateway are signed as printed", peatio_signatures},
    {"Instamrkt: the digest has the session key inside and no separators", instamrkt_digests},
    {"HMAC agrees with RFC 4231 in each digest and encoding", rfc_signatures},
    {"digests without a key agree with FIPS 180-4", plain_digests},
    {"one signature leaves nothing behind for the next", signing_again_and_again},
    {"digests and encodings have names, and others are refused", names},
    {"a secret from the environment is taken out of it, and errors name the variable", environment},
    {"a secret from a file is its text without the last line end", file_contents},
    {"a file that others may read, or that is another's, is refused by name", file_modes},
    {"a missing or empty file, a directory and a device are refused by name", no_such_file},
    {"a secret from a text is a copy of it, of 1 to 16384 bytes", texts},
    {"a secret can be had as a JSON string that is a secret too", quoting},
    {"a secret's file is read again, and a bad one leaves the old text", reloading},
    {"a forgotten secret signs nothing, and its place has no old key", forgetting},
    {"a full vault says for which secret it has no room", a_full_vault},
    {"every secret is known to the redactor", redacted},
    {"joined texts stay inside their memory and are wiped", scratch},
};

int main(void)
{
    if (!mkdtemp(directory))
        return 1;
    int status = test_main(cases, sizeof cases / sizeof *cases);
    static const char *const files[] = {"content", "mode", "nothing", "full", "redacted"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        (void)unlink(path_of(files[i])); /* may be gone already */
    (void)prctl(PR_SET_DUMPABLE, 1);     /* the leak checker has to look at us when we end */
    if (rmdir(directory) == 0)
        return status;
    printf("%s: %s\n", directory, strerror(errno));
    return 1;
}
