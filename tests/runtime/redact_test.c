/* What people will read must not have a key, a token or a signature in it. */
#include "redact_fixture.h"

static void check_redacted(const char *text, const char *expected)
{
    size_t len;
    char *out = redacted(text, strlen(text), &len);
    CHECK_TEXT(out, expected);
    CHECK_INT(len, strlen(expected));
    free(out);
}

static void check_kept(const char *text)
{
    check_redacted(text, text);
}

/* Known texts ---------------------------------------------------------------------------------- */

static void at_every_place(void)
{
    static const char *const texts[] = {KEY, SECRET, "12345678"};
    know(texts, 3);
    check_redacted(KEY, "[secret]");
    check_redacted("12345678", "[secret]");
    check_redacted(KEY " at the start", "[secret] at the start");
    check_redacted("at the end " KEY, "at the end [secret]");
    check_redacted("in the " SECRET " middle", "in the [secret] middle");
    check_redacted(KEY SECRET "12345678" KEY, "[secret][secret][secret][secret]");
    check_redacted("{\"Key\":\"" KEY "\"}", "{\"Key\":\"[secret]\"}");
    check_redacted("client=tapi&tapi_key=" KEY, "client=tapi&tapi_key=[secret]");
    check_redacted("x" KEY "y", "x[secret]y"); /* inside a word as well */
    check_redacted("xx12345678", "xx[secret]");
    check_redacted("", "");
    check_redacted(" ", " ");
}

static void partial_matches(void)
{
    static const char *const texts[] = {KEY, "aaaaaaab", "abcdabcdabce"};
    know(texts, 3);
    for (size_t len = 0; len < strlen(KEY); len++) { /* also: nothing is read beyond the end */
        char part[64];
        (void)snprintf(part, sizeof part, "%.*s", (int)len, KEY); /* fits */
        check_kept(part);
        check_kept(&KEY[strlen(KEY) - len]);
        (void)snprintf(part, sizeof part, "%.*s#%s", (int)len, KEY, &KEY[len + 1]); /* fits */
        check_kept(part);
    }
    check_redacted("aaaaaaaaaaab", "aaaa[secret]"); /* a false start hides no true one */
    check_redacted("abcdabcdabcdabce", "abcd[secret]");
    check_redacted("abcdabcdabcaaaaaaab", "abcdabcdabc[secret]");
    check_redacted("LSCE7NJG-JACRNTBX-" KEY, "LSCE7NJG-JACRNTBX-[secret]");
}

static void overlapping(void)
{
    static const char *const nested[] = {"middle-part", "the middle-part of it", "the middle-p"};
    know(nested, 3);
    check_redacted("the middle-part of it", "[secret]"); /* the longest that begins here */
    check_redacted("the middle-part of us", "[secret] of us");
    check_redacted("a middle-part of it", "a [secret] of it");
    /* Two that share an end and a beginning: neither may be readable. */
    static const char *const chained[] = {"abcdefgh12", "gh12xyzw99"};
    know(chained, 2);
    check_redacted("<abcdefgh12xyzw99>", "<[secret]>"); /* nor the end of the second */
}

static void short_texts(void)
{
    static const char *const texts[] = {"1234567", "a", ""};
    know(texts, 3);
    check_kept("1234567");
    check_kept("a 1234567 a");
    mw_redactor_add(redactor, "12345678", 8); /* the shortest: as long as its mask */
    check_redacted("1234567 12345678", "1234567 [secret]");
}

static void any_bytes(void)
{
    know(NULL, 0);
    mw_redactor_add(redactor, "\0\1\2\xff\xfe\n\"\\", 8);
    size_t len;
    char *out = redacted("a\0\1\2\xff\xfe\n\"\\b", 10, &len);
    CHECK_INT(len, 10);
    CHECK_TEXT(out, "a[secret]b");
    free(out);
}

static void the_oldest_goes(void)
{
    char text[32];
    know(NULL, 0);
    for (int i = 0; i < MW_REDACT_KEPT; i++) {
        (void)snprintf(text, sizeof text, "token-%04d", i); /* fits */
        mw_redactor_add(redactor, text, strlen(text));
        mw_redactor_add(redactor, text, strlen(text)); /* known already: takes no place */
        mw_redactor_add(redactor, "token-0000", 10);
    }
    for (int i = 0; i < MW_REDACT_KEPT; i++) {
        (void)snprintf(text, sizeof text, "token-%04d", i); /* fits */
        check_redacted(text, "[secret]");
    }
    mw_redactor_add(redactor, "token-next", 10);
    check_redacted("token-next", "[secret]");
    check_kept("token-0000");
    check_redacted("token-0001", "[secret]");
    mw_redactor_add(redactor, "a shorter or longer one", 23); /* in the place of another length */
    check_redacted("a shorter or longer one", "[secret]");
    check_kept("token-0001");
}

static void keys_stay(void)
{
    char text[32];
    know(NULL, 0);
    mw_redactor_add_key(redactor, KEY, strlen(KEY));
    for (int i = 0; i < 10 * MW_REDACT_KEPT; i++) {
        (void)snprintf(text, sizeof text, "token-%04d", i); /* fits */
        mw_redactor_add(redactor, text, strlen(text));
    }
    check_redacted(KEY " token-0639 token-0000", "[secret] [secret] token-0000");
    for (int i = 0; i < MW_REDACT_KEYS; i++) {
        (void)snprintf(text, sizeof text, "key-%04d", i); /* fits */
        mw_redactor_add_key(redactor, text, strlen(text));
    }
    check_kept(KEY);
    check_redacted("key-0000 key-0255 token-0639", "[secret] [secret] [secret]");
}

/* Secrets by their looks ------------------------------------------------------------------------
 */

#define JWT_1 "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
#define INDODAX_JWT JWT_1 ".eyJzdWIiOiIxMTIifQ.D4YxclnNWCRH6w47MNV9XcbpKT4aLrMboLg6DzCwm1M"
#define PEATIO_JWT                                                                                 \
    JWT_1 ".eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiYWRtaW4iOnRydWV9"                  \
          ".TJVA95OrM7E2cBab30RMHrHDcEfxjoYZgeFONFh7HgQ"
#define SHA256_HEX "163e05c7b86e4f234f2e8c9b9c8a9e23f866dd2153e02437ff28628fb6fdcc87"
#define SHA512_HEX                                                                                 \
    "29ff89378b9f33954b0f5319488190078f091c7723d886c5c2a4a0b06ef793d7"                             \
    "d3b99155d63410203a21355e5e2757cb4e566adbd67ec37b8257a68d8c72877c"

static void signatures_of_the_pages(void)
{
    static const char *const secrets[] = {
        /* Indodax: connToken, its legacy sample, secrets and signatures */
        INDODAX_JWT,
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIzMWFlMGUzYjU1NzNlMzI1YTU1MGM1ZDg2MGM1YjQ3"
        "ZDQyYjdkZjMxIiwiZXhwIjoxNzA1NzE4NjEyfQ.T1dymQ7dGS4sASLlZC3VE4JTjdvdsasJSsadaK",
        "da78a39e9dda31c399bcc293d997a347dc7fd0408cb5151931243a302b273ec3238510ea61e11f7c",
        SHA512_HEX,
        "29FF89378B9F33954B0F5319488190078F091C7723D886C5C2A4A0B06EF793D7",
        /* a token too short to be seen by its length */
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
        /* Peatio: its page's example, answers to a challenge */
        PEATIO_JWT,
        "8d1aace9b9979f956b095a8496bfc7b1719ea6758ba362626ae19050cc1289bf",
        /* Instamrkt */
        SHA256_HEX,
        /* Finery: EFX-Sign */
        "IXjpL6erhOzuKrduwZohBobvM3iCsGNpheAT3CSZn2fjM3U3VcJE1KHOmrray6mF",
        "AKI0KrOQqvWOk6wZmWFZVc95WAltxgP1PzS5T+nIs7+t6JSx+yljipsvX5ix7UeD",
        "2p1HCE7UoXhuxMNfZ3Xykw69s2Udsaf3GCMsnF/G5WkoTi2Siwtw9pVE1dxmjSPR",
        /* the same, for nonces that give hardly a digit */
        "ySmemQMbn4brYUcCsqWSnSRg1KCwCJS0ZVbeHNorqYklGBHHCEMQSdtKBTxgvbZF",
        "txhJgsWyLeYx/UeYHJXI/vAFPmWRvey8bnzZiDlYlvRcOiBNdIS7jTppyNAVFrwn",
        "aO9RfyNxmb6u8lMr5bAyAmi7RxixIwEoejh5RtUemWI3QAq+HrR0p8/+2yuiQZNZ",
    };
    static const char *const around[][2] = {
        {"", ""},   {" ", " "}, {"\"", "\""},          {"Bearer ", "\n"},
        {"<", ">"}, {"(", ")"}, {"h: ", ", and more"}, {"\t", "\r\n"},
    };
    know(NULL, 0);
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        for (size_t j = 0; j < sizeof around / sizeof *around; j++) {
            char text[512], expected[64];
            (void)snprintf(text, sizeof text, "%s%s%s", around[j][0], secrets[i], around[j][1]);
            (void)snprintf(expected, sizeof expected, "%s[secret]%s", around[j][0], around[j][1]);
            check_redacted(text, expected);
        }
}

/* Adds `len` bytes of `piece` to a text that has room for them. */
static void append(char *text, size_t size, const char *piece, size_t len)
{
    size_t old = strlen(text);
    (void)snprintf(text + old, size - old, "%.*s", (int)len, piece); /* fits */
}

static void in_a_sentence(void)
{
    static const char *const secrets[] = {SHA256_HEX, SHA512_HEX, INDODAX_JWT, PEATIO_JWT};
    static const char *const texts[] = {
        "Sign=%s",   "url?h=%s&n=1",      "a/%s/b",      "sign: %s.",
        "%s,%s",     "{\"jwt\":\"%s\"}",  "x %s y %s z", "%s %s",
        "h=%s;h=%s", "Sign:%s\r\nKey:%s", "%s=%s",
    };
    know(NULL, 0);
    for (size_t i = 0; i < 2; i++) /* the hex ones, whatever stands around them */
        for (size_t j = 0; j < sizeof texts / sizeof *texts; j++) {
            char text[1024] = "";
            const char *from = texts[j];
            for (const char *at; (at = strstr(from, "%s")); from = at + 2) {
                append(text, sizeof text, from, (size_t)(at - from));
                append(text, sizeof text, secrets[i], strlen(secrets[i]));
            }
            append(text, sizeof text, from, strlen(from));
            size_t len;
            char *out = redacted(text, strlen(text), &len);
            CHECK(!strstr(out, secrets[i]) && strstr(out, "[secret]"));
            free(out);
        }
    for (size_t i = 2; i < 4; i++) { /* the tokens too */
        static const char *const around[] = {"token=%s",  "wss://h/?jwt=%s&x=1", "a/%s/b", "a_%s",
                                             "it is %s.", "%s, %s...",           "-%s-",   "(%s)"};
        for (size_t j = 0; j < sizeof around / sizeof *around; j++) {
            char text[1024] = "", *out;
            const char *at = strstr(around[j], "%s");
            size_t len;
            append(text, sizeof text, around[j], (size_t)(at - around[j]));
            append(text, sizeof text, secrets[i], strlen(secrets[i]));
            append(text, sizeof text, at + 2, strlen(at + 2));
            out = redacted(text, strlen(text), &len);
            CHECK(!strstr(out, secrets[i]) && !strstr(out, strrchr(secrets[i], '.') + 1));
            free(out);
        }
    }
    check_redacted("token " INDODAX_JWT " and " PEATIO_JWT "!", "token [secret] and [secret]!");
}

static void harmless_texts(void)
{
    know(NULL, 0);
    check_kept("submit m1-42: price 950000500 is not a multiple of 1000");
    check_kept("/home/trader/runtime/strategies/with/quite/a/long/path/to/some/ladder.lua");
    check_kept("/var/log/2026/11/21/00/15/moonwire/m1/run/7/journal/3/btc/idr/orders/42/all");
    check_kept("----------------------------------------------------------------------------");
    check_kept("0000000000000000000000000000000000000000000000000000000000000000000000000000");
    check_kept("================================================================ a heading");
    check_kept(
        "client_order_id=mw-7f3a-000001 order_id=btcidr-limit-310131 trade_id=1705635775203123");
    check_kept("9f1c0a52-6d3e-4b7a-8e25-c1d4f7a90b36");                            /* a UUID */
    check_kept("163e05c7b86e4f234f2e8c9b9c8a9e23f866dd2153e02437ff28628fb6fdcc8"); /* 63 digits */
    check_kept("eyJust.a word");
    check_kept("ey eyJ eyJ.");
    check_kept("eyJ.. eyJ.a.b eyJ.ab. and so on"); /* no room for the mask, no token */
    check_redacted("eyJ.ab.c and so on", "[secret] and so on");
    check_kept("1.2.3 a.b.c");
    check_kept(JWT_1); /* the first part of a token is the same for all of them */
}

/* Copies --------------------------------------------------------------------------------------- */

static void check_copy(const char *text, const char *expected)
{
    size_t len = strlen(text);
    char *from = malloc(len + 1), *to = malloc(len + 1); /* nothing beyond: ASan looks */
    if (!from || !to)
        abort();
    memcpy(from, text, len);
    char *tight = realloc(from, len ? len : 1);
    if (!tight)
        abort();
    mw_redact_copy(redactor, to, tight, len);
    to[len] = '\0';
    CHECK_TEXT(to, expected);
    free(tight);
    free(to);
}

static void copies_keep_their_length(void)
{
    static const char *const texts[] = {"0123456789", "12345678", "A-TOKEN-OF-TWENTY-AB"};
    know(texts, 3);
    check_copy("", "");
    check_copy("012345678", "0[secret]");
    check_copy("{\"key\":\"0123456789\"}", "{\"key\":\"[secret..]\"}");
    check_copy("A-TOKEN-OF-TWENTY-AB", "[secret............]");
    check_copy("mw-7f3a-000001 btcidr-limit-310131 1705635775203123",
               "mw-7f3a-000001 btcidr-limit-310131 1705635775203123");
    check_copy("{\"sign\":\"" SHA256_HEX "\"}",
               "{\"sign\":\"[secret........................................................]\"}");
}

/* Of the signatures of the pages no half is left to read. */
static void copies_have_no_tokens(void)
{
    static const char *const secrets[] = {SHA256_HEX, SHA512_HEX, INDODAX_JWT, PEATIO_JWT};
    know(NULL, 0);
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        for (size_t shift = 0; shift < 140; shift++) {
            char text[1024], copy[1024];
            int len = snprintf(text, sizeof text, "%*s{\"token\":\"%s\",\"id\":\"mw-1\"}",
                               (int)shift, "", secrets[i]);
            mw_redact_copy(redactor, copy, text, (size_t)len + 1);
            CHECK(!strstr(copy, secrets[i] + strlen(secrets[i]) / 2));
            CHECK(strstr(copy, "\"token\":\"[secret") && strstr(copy, "\",\"id\":\"mw-1\"}"));
        }
}

static char heard[256];

static void hear(void *arg, const char *text, size_t len, bool is_key)
{
    CHECK(arg == heard);
    size_t used = strlen(heard);
    (void)snprintf(heard + used, sizeof heard - used, "%s<%.*s>", is_key ? "key" : "", (int)len,
                   text); /* fits */
}

static void told(void)
{
    know(NULL, 0);
    mw_redactor_add(redactor, "before anybody listens", 22);
    mw_redactor_listen(redactor, hear, heard);
    mw_redactor_add(redactor, "a-token-1", 9);
    mw_redactor_add_key(redactor, "a-key-of-12b", 12);
    mw_redactor_add(redactor, "a-token-1", 9);
    mw_redactor_add(redactor, "short", 5);
    CHECK_TEXT(heard, "<a-token-1>key<a-key-of-12b>");
}

static const struct test_case cases[] = {
    {"a known text is replaced at the start, in the middle and at the end", at_every_place},
    {"a part of a secret is kept and hides no whole one", partial_matches},
    {"of texts that overlap none is readable, and the longest counts", overlapping},
    {"a text below eight bytes is too common to be replaced", short_texts},
    {"a secret may have any bytes", any_bytes},
    {"the oldest of too many session tokens is forgotten, and only that", the_oldest_goes},
    {"no session token pushes out a key", keys_stay},
    {"tokens, secrets and signatures of the pages are seen by their looks",
     signatures_of_the_pages},
    {"a signature is seen whatever stands around it", in_a_sentence},
    {"words, paths, rulers, ids and prices are no secrets", harmless_texts},
    {"a listener is told each secret once, and none that is too short", told},
    {"in a copy secrets are overwritten and nothing moves", copies_keep_their_length},
    {"a copy has no tokens and signatures, wherever they stand", copies_have_no_tokens},
};

int main(void)
{
    int status = test_main(cases, sizeof cases / sizeof *cases);
    mw_redactor_free(redactor);
    mw_redactor_free(NULL);
    return status;
}
