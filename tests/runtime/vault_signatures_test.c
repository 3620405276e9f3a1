/* Signatures: those that the venues print, and those of the RFCs. */
#include "vault_secrets.h"

#include <stdbool.h>

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

static const struct test_case cases[] = {
    {"Indodax: token, TAPI, dead-man and Trade API 2 are signed as printed", indodax_signatures},
    {"Finery: handshake and REST calls are signed as printed", finery_signatures},
    {"Peatio: challenge, REST and gateway are signed as printed", peatio_signatures},
    {"Instamrkt: the digest has the session key inside and no separators", instamrkt_digests},
    {"HMAC agrees with RFC 4231 in each digest and encoding", rfc_signatures},
    {"digests without a key agree with FIPS 180-4", plain_digests},
    {"one signature leaves nothing behind for the next", signing_again_and_again},
    {"digests and encodings have names, and others are refused", names},
};

int main(void)
{
    int status = test_main(cases, sizeof cases / sizeof *cases);
    (void)prctl(PR_SET_DUMPABLE, 1); /* the leak checker has to look at us when we end */
    return status;
}
