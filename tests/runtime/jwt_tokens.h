/* jwt_tokens.h: what the tests of JWTs share: a vault, tokens of it, base64url by a way of its own.
 */
#ifndef MW_TEST_JWT_TOKENS_H
#define MW_TEST_JWT_TOKENS_H

#include "test.h"
#include "vault.h"

#include <stdlib.h>
#include <sys/prctl.h>

static struct mw_err err;
static struct mw_vault *vault;

/* Peatio's claims, as its page has them. */
#define PEATIO_CLAIMS                                                                              \
    "{\"iat\":1530000000,\"exp\":4102444800,\"jti\":\"t-0001\",\"sub\":\"session\","               \
    "\"iss\":\"barong\",\"aud\":[\"peatio\"],\"email\":\"maker@example.test\","                    \
    "\"uid\":\"IDTEST0001\",\"level\":3,\"state\":\"active\"}"
#define PEATIO_PART_2                                                                              \
    "eyJpYXQiOjE1MzAwMDAwMDAsImV4cCI6NDEwMjQ0NDgwMCwianRpIjoidC0wMDAxIiwic3ViIjoic2Vzc2lvbiIsIml"  \
    "zcyI6ImJhcm9uZyIsImF1ZCI6WyJwZWF0aW8iXSwiZW1haWwiOiJtYWtlckBleGFtcGxlLnRlc3QiLCJ1aWQiOiJJRFR" \
    "FU1QwMDAxIiwibGV2ZWwiOjMsInN0YXRlIjoiYWN0aXZlIn0"
#define RFC_CLAIMS                                                                                 \
    "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"
#define RFC_PART_2                                                                                 \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ"

/* A token in memory without a byte more than the header asks for; the caller frees. NULL: none. */
static inline char *new_token(uint32_t id, const char *algorithm, const char *header,
                              const char *claims)
{
    char *out = malloc(MW_JWT_MAX);
    if (!out)
        abort();
    size_t len = mw_vault_jwt(vault, id, algorithm, header, claims, out, &err);
    if (len) {
        CHECK(len < MW_JWT_MAX);
        CHECK_INT(strlen(out), len);
        return out;
    }
    free(out);
    return NULL;
}

static inline void check_token(uint32_t id, const char *algorithm, const char *header,
                               const char *claims, const char *expected)
{
    char *token = new_token(id, algorithm, header, claims);
    CHECK_TEXT(token ? token : err.text, expected);
    free(token);
}

static inline uint32_t secret_of(const char *text)
{
    uint32_t id = mw_vault_from_text(vault, text, strlen(text), &err);
    CHECK(id > 0);
    return id;
}

/* base64url without padding, read by a way of its own. The length; -1 for another character. */
static inline int decode(const char *text, size_t len, unsigned char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned bits = 0, count = 0;
    int used = 0;
    for (size_t i = 0; i < len; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit)
            return -1;
        bits = bits << 6 | (unsigned)(digit - digits);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[used++] = (unsigned char)(bits >> count);
            bits &= (1u << count) - 1;
        }
    }
    return bits ? -1 : used; /* what is left over must be zero */
}

static inline void check_refused(uint32_t id, const char *algorithm, const char *why)
{
    char *token = new_token(id, algorithm, NULL, "{}");
    CHECK_TEXT(token ? token : err.text, why);
    free(token);
}

static inline int test_main_with_vault(const struct test_case *cases, size_t count)
{
    vault = mw_vault_new(NULL, &err);
    if (!vault)
        return 1;
    int status = test_main(cases, count);
    mw_vault_free(vault);
    (void)prctl(PR_SET_DUMPABLE, 1); /* the leak checker has to look at us when we end */
    return status;
}

#endif
