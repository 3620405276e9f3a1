/* JWTs signed by private keys: the one that RFC 7515 prints, and fresh ones with OpenSSL as the
 * verifier. */
#include "jwt_tokens.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdbool.h>

/* The key as text, in the form that the writer makes; the caller frees. */
static char *pem_of(EVP_PKEY *key, bool is_traditional, const char *password)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const EVP_CIPHER *cipher = password ? EVP_aes_128_cbc() : NULL;
    int password_len = password ? (int)strlen(password) : 0;
    int ok = is_traditional
                 ? PEM_write_bio_PrivateKey_traditional(bio, key, cipher, (unsigned char *)password,
                                                        password_len, NULL, NULL)
                 : PEM_write_bio_PrivateKey(bio, key, cipher, (unsigned char *)password,
                                            password_len, NULL, NULL);
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    char *text = ok ? strndup(data, (size_t)len) : NULL;
    BIO_free(bio);
    if (!text)
        abort();
    return text;
}

static uint32_t key_of(EVP_PKEY *key, bool is_traditional, const char *password)
{
    char *text = pem_of(key, is_traditional, password);
    uint32_t id = secret_of(text);
    free(text);
    return id;
}

/* What a venue does with a token: split, decode, verify with the public key. */
static bool verifies(const char *token, EVP_PKEY *key, bool is_ec)
{
    unsigned char signature[1024], der[128], *end = der;
    const char *dot = strrchr(token, '.');
    int len = decode(dot + 1, strlen(dot + 1), signature);
    const unsigned char *given = signature;
    if (is_ec) { /* RFC 7518, 3.4: r and s of 32 bytes each */
        ECDSA_SIG *parts = ECDSA_SIG_new();
        if (len != 64 || !parts ||
            !ECDSA_SIG_set0(parts, BN_bin2bn(signature, 32, NULL),
                            BN_bin2bn(signature + 32, 32, NULL)))
            len = 0;
        else
            len = i2d_ECDSA_SIG(parts, &end);
        ECDSA_SIG_free(parts);
        given = der;
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = len > 0 && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestVerify(context, given, (size_t)len, (const unsigned char *)token,
                               (size_t)(dot - token)) == 1;
    EVP_MD_CTX_free(context);
    return ok;
}

static void check_verifies(uint32_t id, const char *algorithm, EVP_PKEY *key)
{
    bool is_ec = algorithm[0] == 'E';
    char *token = new_token(id, algorithm, NULL, PEATIO_CLAIMS);
    if (!token) {
        CHECK_TEXT(err.text, "a token");
        return;
    }
    CHECK(strstr(token, "." PEATIO_PART_2 "."));
    CHECK(verifies(token, key, is_ec));
    token[strlen(token) / 2] ^= 1; /* one bit of the claims */
    CHECK(!verifies(token, key, is_ec));
    free(token);
}

/* Until both r and s began with a zero byte, as one in 256 does: they must be padded. */
static void fresh_ec(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    uint32_t id = key_of(key, false, NULL);
    check_verifies(key_of(key, true, NULL), "ES256", key); /* BEGIN EC PRIVATE KEY */
    bool was_r_short = false, was_s_short = false;
    for (int i = 0; i < 10000 && !(was_r_short && was_s_short); i++) {
        unsigned char signature[64];
        char *token = new_token(id, "ES256", NULL, "{\"sub\":\"session\"}");
        int len = token ? decode(strrchr(token, '.') + 1, 86, signature) : 0;
        CHECK_INT(len, 64);
        bool is_r_short = len == 64 && signature[0] == 0, is_s_short = len == 64 && !signature[32];
        if (len != 64 || ((i < 10 || is_r_short || is_s_short) && !verifies(token, key, true))) {
            CHECK(!"every token verifies");
            free(token);
            break;
        }
        was_r_short = was_r_short || is_r_short;
        was_s_short = was_s_short || is_s_short;
        free(token);
    }
    CHECK(was_r_short && was_s_short);
    EVP_PKEY_free(key);
}

/* A number of the JWK in RFC 7515. */
static BIGNUM *number(const char *text)
{
    unsigned char bytes[512];
    int len = decode(text, strlen(text), bytes);
    return BN_bin2bn(bytes, len, NULL);
}

/* The private key of RFC 7515, A.2; q and the rest follow from n, d and p. */
static EVP_PKEY *rfc_key(void)
{
    BIGNUM *n =
        number("ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrc"
               "S2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGz"
               "jb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xs"
               "mtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8"
               "q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ");
    BIGNUM *d =
        number("Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeX"
               "Zx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFN"
               "S3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4e"
               "hNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS9"
               "8l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ");
    BIGNUM *p =
        number("4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooK"
               "eQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgt"
               "ldC-KDV5z-y2XDwGUc");
    BIGNUM *q = BN_new(), *dp = BN_new(), *dq = BN_new(), *qi = BN_new(), *e = number("AQAB");
    BIGNUM *less = BN_new();
    BN_CTX *context = BN_CTX_new();
    BN_div(q, NULL, n, p, context);
    BN_sub(less, p, BN_value_one());
    BN_mod(dp, d, less, context);
    BN_sub(less, q, BN_value_one());
    BN_mod(dq, d, less, context);
    BN_mod_inverse(qi, q, p, context);
    struct {
        const char *name;
        BIGNUM *value;
    } parts[] = {{OSSL_PKEY_PARAM_RSA_N, n},          {OSSL_PKEY_PARAM_RSA_E, e},
                 {OSSL_PKEY_PARAM_RSA_D, d},          {OSSL_PKEY_PARAM_RSA_FACTOR1, p},
                 {OSSL_PKEY_PARAM_RSA_FACTOR2, q},    {OSSL_PKEY_PARAM_RSA_EXPONENT1, dp},
                 {OSSL_PKEY_PARAM_RSA_EXPONENT2, dq}, {OSSL_PKEY_PARAM_RSA_COEFFICIENT1, qi}};
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        OSSL_PARAM_BLD_push_BN(builder, parts[i].name, parts[i].value);
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;
    CHECK(EVP_PKEY_fromdata_init(maker) == 1 &&
          EVP_PKEY_fromdata(maker, &key, EVP_PKEY_KEYPAIR, parameters) == 1);
    EVP_PKEY_CTX_free(maker);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        BN_clear_free(parts[i].value);
    BN_free(less);
    BN_CTX_free(context);
    return key;
}

static void fresh_rsa(void)
{
    EVP_PKEY *key = EVP_RSA_gen(2048), *other = rfc_key();
    uint32_t id = key_of(key, false, NULL);
    check_verifies(id, "RS256", key);
    check_verifies(key_of(key, true, NULL), "RS256", key); /* BEGIN RSA PRIVATE KEY */
    char *token = new_token(id, "RS256", NULL, PEATIO_CLAIMS);
    CHECK(token && strncmp(token, "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.", 37) == 0);
    CHECK(token && !verifies(token, other, false));
    char *again = new_token(id, "RS256", NULL, PEATIO_CLAIMS);
    CHECK_TEXT(again ? again : "", token ? token : "no token"); /* PKCS#1 v1.5 has no randomness */
    free(again);
    free(token);
    EVP_PKEY_free(other);
    EVP_PKEY_free(key);
}

static void rfc_rs256(void)
{
    EVP_PKEY *key = rfc_key();
    check_token(
        key_of(key, false, NULL), "RS256", "{\"alg\":\"RS256\"}", RFC_CLAIMS,
        "eyJhbGciOiJSUzI1NiJ9." RFC_PART_2
        ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5"
        "YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6x"
        "BArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6B"
        "fI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_Ioy"
        "pGlUPQGe77Rw");
    EVP_PKEY_free(key);
}

/* RFC 8037, A.1 and A.4 */
static void rfc_eddsa(void)
{
    unsigned char raw[32];
    CHECK_INT(decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", 43, raw), 32);
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw, sizeof raw);
    check_token(
        key_of(key, false, NULL), "EdDSA", "{\"alg\":\"EdDSA\"}", "Example of Ed25519 signing",
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
        ".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM"
        "0KAg");
    check_refused(key_of(key, false, NULL), "ES256", "the private key is not of the EC kind");
    EVP_PKEY_free(key);
}

/* Peatio's own client reads its key as base64 of the PEM text, from the environment. */
static void base64_of_pem(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    char *pem = pem_of(key, false, NULL);
    size_t len = strlen(pem);
    char *padded = calloc(1, len + 4), *text = calloc(1, 2 * len);
    if (!padded || !text)
        abort();
    memcpy(padded, pem, len);
    for (int i = 0; i < 3; i++) {
        padded[len++] = '\n'; /* three lengths in a row have the three paddings */
        EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)padded, (int)len);
        check_verifies(secret_of(text), "ES256", key);
    }
    free(text);
    free(padded);
    free(pem);
    EVP_PKEY_free(key);
}

static void wrong_keys(void)
{
    EVP_PKEY *rsa = rfc_key(), *p256 = EVP_EC_gen("P-256"), *p384 = EVP_EC_gen("P-384");
    EVP_PKEY *k256 = EVP_EC_gen("secp256k1");
    check_refused(key_of(rsa, false, NULL), "ES256", "the private key is not of the EC kind");
    check_refused(key_of(p256, false, NULL), "RS256", "the private key is not of the RSA kind");
    check_refused(key_of(p256, false, NULL), "EdDSA", "the private key is not of the Ed25519 kind");
    check_refused(key_of(p384, false, NULL), "ES256",
                  "the private key is of the curve secp384r1: ES256 wants P-256 (prime256v1)");
    check_refused(key_of(k256, false, NULL), "ES256", /* as long, and another one */
                  "the private key is of the curve secp256k1: ES256 wants P-256 (prime256v1)");
    /* a password is asked of nobody */
    check_refused(key_of(p256, false, "pass"), "ES256", "the secret is no private key in PEM");
    check_refused(key_of(p256, true, "pass"), "ES256", "the secret is no private key in PEM");
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    CHECK(PEM_write_bio_PUBKEY(bio, p256) == 1);
    long len = BIO_get_mem_data(bio, &data);
    uint32_t id = mw_vault_from_text(vault, data, (size_t)len, &err);
    check_refused(id, "ES256", "the secret is no private key in PEM");
    BIO_free(bio);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(k256);
}

static void no_keys(void)
{
    static const char *const texts[] = {
        "x",
        "plain text",
        "aaaa",
        "aaaaaaaa",
        "====",
        "-----BEGIN",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t", /* base64 of a first line without more */
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint32_t id = secret_of(texts[i]);
        check_refused(id, "RS256", "the secret is no private key in PEM");
        check_refused(id, "ES256", "the secret is no private key in PEM");
    }
    check_refused(0, "HS256", "this secret is gone");
    check_refused(0, "RS256", "this secret is gone");
    check_refused(UINT32_MAX, "ES256", "this secret is gone");
    for (int i = 0; i < 8; i++)
        check_refused(0, "RS256", "this secret is gone");
    CHECK(mw_vault_join_begin(vault) != NULL); /* and takes no scratch memory with it */
    mw_vault_wipe(vault);
}

/* Around the limit a token is whole or refused, and never longer than its memory. */
static void long_tokens(void)
{
    static char claims[2 * MW_JWT_MAX];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    const uint32_t ids[] = {secret_of("secret"), key_of(key, false, NULL)};
    const char *const algorithms[] = {"HS256", "ES256"};
    for (size_t which = 0; which < 2; which++) {
        size_t longest = 0, shortest_refused = SIZE_MAX;
        for (size_t len = MW_JWT_MAX / 4 * 3 - 110; len < MW_JWT_MAX / 4 * 3 + 2; len++) {
            memset(claims, 'c', len);
            claims[len] = '\0';
            char *token = new_token(ids[which], algorithms[which], NULL, claims);
            if (token) {
                CHECK(strlen(strrchr(token, '.') + 1) == (which ? 86 : 43));
                longest = len;
            } else {
                CHECK_TEXT(err.text, "JWT longer than 8192 bytes");
                shortest_refused = len < shortest_refused ? len : shortest_refused;
            }
            free(token);
        }
        CHECK(longest > MW_JWT_MAX / 4 * 3 - 110); /* some of them fit */
        CHECK_INT(shortest_refused, longest + 1);
        memset(claims, 'c', sizeof claims - 1);
        char *token = new_token(ids[which], algorithms[which], NULL, claims);
        CHECK(!token);
        free(token);
        for (size_t len = MW_JWT_MAX / 4 * 3 - 8; len < MW_JWT_MAX / 4 * 3 + 8; len++) {
            claims[len] = '\0'; /* a header that leaves no room for more */
            token = new_token(ids[which], algorithms[which], claims, "{}");
            CHECK(!token);
            free(token);
            claims[len] = 'c';
        }
    }
    EVP_PKEY_free(key);
}

/* A signature of a private key leaves nothing in the memory where keys are joined. */
static void nothing_left_in_scratch(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    uint32_t id = key_of(key, false, NULL);
    char *scratch = mw_vault_join_begin(vault);
    if (!scratch)
        abort();
    (void)mw_vault_join_end(vault);
    mw_vault_wipe(vault);
    free(new_token(id, "ES256", NULL, "{}"));
    free(new_token(id, "RS256", NULL, "{}"));
    int left = 0;
    for (int i = 0; i < 4096; i++)
        left += scratch[i] != 0;
    CHECK_INT(left, 0);
    EVP_PKEY_free(key);
}

static const struct test_case cases[] = {
    {"RS256 gives the token of RFC 7515, A.2", rfc_rs256},
    {"EdDSA gives the token of RFC 8037, A.4", rfc_eddsa},
    {"RS256 with a fresh key verifies, and is the same each time", fresh_rsa},
    {"ES256 with a fresh key verifies, short numbers included", fresh_ec},
    {"a key may be base64 of its PEM text, with any padding", base64_of_pem},
    {"a key of another kind, with a password or public only is refused", wrong_keys},
    {"a text that is no key is refused, and so is a secret that is gone", no_keys},
    {"a token beyond the limit is refused whole", long_tokens},
    {"no private key is left in the scratch memory", nothing_left_in_scratch},
};

int main(void)
{
    return test_main_with_vault(cases, sizeof cases / sizeof *cases);
}
