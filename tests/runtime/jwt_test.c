/* JWTs of a shared secret: the tokens that pages and RFC 7515 print. */
#include "jwt_tokens.h"

/* HS256 ---------------------------------------------------------------------------------------- */

static void printed_hs256(void)
{
    /* Peatio's page, "Making tokens" */
    check_token(secret_of("sim-secret-1"), "HS256", NULL, PEATIO_CLAIMS,
                "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." PEATIO_PART_2
                ".HprZNI2w9u_RRHwByGtYrvGpB6y6nC9RZhmDvvYsVgs");
    /* Peatio, doc/websocket_api.md: the token of its example, whose secret is "secret" */
    check_token(secret_of("secret"), "HS256", NULL,
                "{\"sub\":\"1234567890\",\"name\":\"John Doe\",\"admin\":true}",
                "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4g"
                "RG9lIiwiYWRtaW4iOnRydWV9.TJVA95OrM7E2cBab30RMHrHDcEfxjoYZgeFONFh7HgQ");
    /* Indodax' page, the simulator's connToken: the header's fields in the other order */
    check_token(secret_of("sim-jwt-secret"), "HS256", "{\"typ\":\"JWT\",\"alg\":\"HS256\"}",
                "{\"sub\":\"9b1c0d2e3f405162738495a6b7c8d9e0f1a2b3c4\",\"exp\":1790086400}",
                "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI5YjFjMGQyZTNmNDA1MTYyNzM4NDk1YTZiN"
                "2M4ZDllMGYxYTJiM2M0IiwiZXhwIjoxNzkwMDg2NDAwfQ"
                ".yf7XqeyYRdYg6bGpIHixVAYSFJSf7pUvvUcgS-6dB14");
}

static void expiries(void)
{
    static const struct {
        const char *token;
        int64_t expiry;
    } rows[] = {
        {"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." PEATIO_PART_2 ".x", 4102444800},
        {"h." RFC_PART_2 ".s", 1300819380}, /* blanks and line breaks between the claims */
        {"h.eyJzdWIiOiIxIn0.s", 0},         /* {"sub":"1"}: it does not say */
        {"h.eyJleHAiOi0xfQ.s", 0},          /* {"exp":-1} */
        {"no token", 0},
        {"a.b", 0},
        {"..", 0},
        {"h.!!!!.s", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CHECK_INT(mw_vault_jwt_expiry(vault, secret_of(rows[i].token)), rows[i].expiry);
    CHECK_INT(mw_vault_jwt_expiry(vault, 0), 0);
}

static void rfc_hs256(void)
{
    static const char key[] = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4h"
                              "cgUuTwjAzZr1Z9CAow"; /* RFC 7515, A.1: 64 bytes of all kinds */
    unsigned char bytes[sizeof key];
    int len = decode(key, sizeof key - 1, bytes);
    CHECK_INT(len, 64);
    uint32_t id = mw_vault_from_text(vault, (const char *)bytes, (size_t)len, &err);
    check_token(id, "HS256", "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}", RFC_CLAIMS,
                "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." RFC_PART_2
                ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

/* Every length modulo three, and every character of the alphabet, also the two of base64url. */
static void every_length_and_character(void)
{
    unsigned char claims[256], read_back[256];
    uint32_t id = secret_of("secret");
    bool has_dash = false, has_underscore = false;
    for (size_t len = 1; len < 200; len++) {
        for (size_t i = 0; i < len; i++)
            claims[i] = (unsigned char)(255 - (i * 37 + len) % 255); /* never NUL */
        claims[len] = '\0';
        char *token = new_token(id, "HS256", NULL, (const char *)claims);
        const char *first = token ? strchr(token, '.') : NULL;
        const char *last = token ? strrchr(token, '.') : NULL;
        if (!first || last == first) {
            CHECK(first && last != first);
            free(token);
            continue;
        }
        CHECK_INT(decode(first + 1, (size_t)(last - first - 1), read_back), len);
        CHECK(memcmp(read_back, claims, len) == 0);
        CHECK_INT(decode(last + 1, strlen(last + 1), read_back), 32);
        has_dash = has_dash || strchr(token, '-');
        has_underscore = has_underscore || strchr(token, '_');
        CHECK(strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") ==
              strlen(token));
        free(token);
    }
    CHECK(has_dash && has_underscore);
}

static void other_algorithms(void)
{
    static const char *const names[] = {"",      "none",  "hs256", "HS384", "HS512",
                                        "RS512", "PS256", "ES384", "eddsa", "HS256 "};
    uint32_t id = secret_of("secret");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char why[80];
        (void)snprintf(why, sizeof why,
                       "JWT algorithm \"%s\": HS256, RS256, ES256 or EdDSA expected",
                       names[i]); /* fits */
        check_refused(id, names[i], why);
    }
}

static const struct test_case cases[] = {
    {"HS256 gives the tokens that the pages of Peatio and Indodax print", printed_hs256},
    {"HS256 gives the token of RFC 7515, A.1", rfc_hs256},
    {"a token's end is read from its claims, and of anything else there is none", expiries},
    {"claims of any length and any bytes come back from base64url", every_length_and_character},
    {"any other algorithm is refused by name", other_algorithms},
};

int main(void)
{
    return test_main_with_vault(cases, sizeof cases / sizeof *cases);
}
