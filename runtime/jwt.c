/* JWTs of the vault (RFC 7515, 7518, 8037): HS256, RS256, ES256, EdDSA. */
#include "vault.h"
#include "locked.h"

#include <openssl/bio.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RAW_SIGNATURE_MAX = 1024, ES256_HALF = 32 };

/* What a private key signs by. */
struct kind {
    const char *algorithm, *key_name;
    int key_type;
};

static const struct kind kinds[] = {
    {"RS256", "RSA", EVP_PKEY_RSA},
    {"ES256", "EC", EVP_PKEY_EC},
    {"EdDSA", "Ed25519", EVP_PKEY_ED25519},
};

static const struct kind *kind_of(const char *algorithm)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].algorithm, algorithm) == 0)
            return &kinds[i];
    return NULL;
}

/* base64url without padding. Returns the length; 0 when it does not fit. */
static size_t base64url(const unsigned char *bytes, size_t len, char *out, size_t cap)
{
    if ((len + 2) / 3 * 4 + 1 > cap)
        return 0;
    size_t written = (size_t)EVP_EncodeBlock((unsigned char *)out, bytes, (int)len);
    while (written && out[written - 1] == '=')
        written--;
    for (size_t i = 0; i < written; i++)
        out[i] = (char)(out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i]);
    out[written] = '\0';
    return written;
}

/* The key of a PEM text, or of base64 of one. */
static EVP_PKEY *read_key(const char *text, size_t len)
{
    unsigned char *decoded = NULL;
    if (!strstr(text, "-----BEGIN")) {
        decoded = mw_locked_alloc(len);
        if (!decoded)
            return NULL;
        int size = EVP_DecodeBlock(decoded, (const unsigned char *)text, (int)len);
        if (size < 0) {
            mw_locked_free(decoded, len);
            return NULL;
        }
    }
    BIO *bio = BIO_new_mem_buf(decoded ? (const void *)decoded : text,
                               decoded ? (int)(len / 4 * 3) : (int)len);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"") : NULL;
    BIO_free(bio);
    mw_locked_free(decoded, len);
    return key;
}

/* ES256 wants r and s, 32 bytes each, where OpenSSL gives DER. */
static size_t raw_ecdsa(unsigned char *signature, size_t len)
{
    const unsigned char *der = signature;
    ECDSA_SIG *parts = d2i_ECDSA_SIG(NULL, &der, (long)len);
    bool ok = parts && BN_bn2binpad(ECDSA_SIG_get0_r(parts), signature, ES256_HALF) > 0 &&
              BN_bn2binpad(ECDSA_SIG_get0_s(parts), signature + ES256_HALF, ES256_HALF) > 0;
    ECDSA_SIG_free(parts);
    return ok ? 2 * (size_t)ES256_HALF : 0;
}

/* A key that signs by this algorithm; of another curve than P-256 the signature would be none. */
static int check_key(EVP_PKEY *key, const struct kind *kind, struct mw_err *err)
{
    char curve[64] = "?";
    if (EVP_PKEY_get_base_id(key) != kind->key_type) {
        mw_err_set(err, "the private key is not of the %s kind", kind->key_name);
        return -1;
    }
    if (kind->key_type != EVP_PKEY_EC ||
        (EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL) == 1 &&
         strcmp(curve, SN_X9_62_prime256v1) == 0))
        return 0;
    mw_err_set(err, "the private key is of the curve %s: ES256 wants P-256 (%s)", curve,
               SN_X9_62_prime256v1);
    return -1;
}

static size_t sign(const char *secret, size_t secret_len, const struct kind *kind,
                   const char *message, size_t len, unsigned char *signature, struct mw_err *err)
{
    size_t signed_len = RAW_SIGNATURE_MAX;
    /* Ed25519 has a digest of its own. */
    const EVP_MD *digest = kind->key_type == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
    EVP_PKEY *key = read_key(secret, secret_len);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!key) {
        mw_err_set(err, "the secret is no private key in PEM");
        signed_len = 0;
    } else if (check_key(key, kind, err) < 0) {
        signed_len = 0;
    } else if (!context || EVP_DigestSignInit(context, NULL, digest, NULL, key) <= 0 ||
               EVP_DigestSign(context, signature, &signed_len, (const unsigned char *)message,
                              len) <= 0 ||
               (kind->key_type == EVP_PKEY_EC &&
                !(signed_len = raw_ecdsa(signature, signed_len)))) {
        mw_err_set(err, "signing failed");
        signed_len = 0;
    }
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return signed_len;
}

/* Of our own digits, which are lower case. */
static unsigned digit_value(char digit)
{
    return digit <= '9' ? (unsigned)digit - '0' : (unsigned)digit - 'a' + 10;
}

static size_t hs256(struct mw_vault *vault, uint32_t id, const char *message, size_t len,
                    unsigned char *signature, struct mw_err *err)
{
    char hex[MW_SIGNATURE_MAX];
    size_t hex_len = mw_vault_hmac(vault, id, MW_SHA256, message, len, MW_HEX, hex, err);
    for (size_t i = 0; i < hex_len / 2; i++)
        signature[i] = (unsigned char)(digit_value(hex[2 * i]) << 4 | digit_value(hex[2 * i + 1]));
    return hex_len / 2;
}

size_t mw_vault_jwt(struct mw_vault *vault, uint32_t id, const char *algorithm, const char *header,
                    const char *payload, char *out, struct mw_err *err)
{
    unsigned char signature[RAW_SIGNATURE_MAX];
    char standard_header[64];
    bool is_hmac = strcmp(algorithm, "HS256") == 0;
    const struct kind *kind = kind_of(algorithm);
    if (!is_hmac && !kind) {
        mw_err_set(err, "JWT algorithm \"%s\": HS256, RS256, ES256 or EdDSA expected", algorithm);
        return 0;
    }
    (void)snprintf(standard_header, sizeof standard_header, "{\"alg\":\"%s\",\"typ\":\"JWT\"}",
                   algorithm); /* fits */
    header = header ? header : standard_header;
    size_t len = base64url((const unsigned char *)header, strlen(header), out, MW_JWT_MAX);
    size_t body = 0, tail = 0;
    if (len && len + 1 < MW_JWT_MAX) {
        out[len++] = '.';
        body =
            base64url((const unsigned char *)payload, strlen(payload), out + len, MW_JWT_MAX - len);
    }
    if (!body) {
        mw_err_set(err, "JWT longer than %d bytes", MW_JWT_MAX);
        return 0;
    }
    len += body;
    size_t signed_len;
    if (is_hmac) {
        signed_len = hs256(vault, id, out, len, signature, err);
    } else {
        const char *secret = mw_vault_join_begin(vault);
        if (!secret || mw_vault_join_secret(vault, id) < 0) {
            mw_vault_wipe(vault);
            mw_err_set(err, "this secret is gone");
            return 0;
        }
        signed_len = sign(secret, mw_vault_join_end(vault), kind, out, len, signature, err);
        mw_vault_wipe(vault);
    }
    if (!signed_len)
        return 0;
    out[len++] = '.';
    tail = base64url(signature, signed_len, out + len, MW_JWT_MAX - len);
    if (!tail) {
        mw_err_set(err, "JWT longer than %d bytes", MW_JWT_MAX);
        return 0;
    }
    return len + tail;
}

/* The claims of a token, decoded into `out`, which has room for all of it; false for no token. */
static bool decode_claims(const char *token, unsigned char *out, size_t cap)
{
    const char *begin = strchr(token, '.');
    const char *end = begin ? strchr(begin + 1, '.') : NULL;
    size_t len = end ? (size_t)(end - begin - 1) : 0;
    if (!len || len + 4 > cap)
        return false;
    for (size_t i = 0; i < len; i++) {
        char digit = begin[1 + i];
        out[i] = (unsigned char)(digit == '-' ? '+' : digit == '_' ? '/' : digit);
    }
    for (; len % 4; len++)
        out[len] = '=';
    int size = EVP_DecodeBlock(out, out, (int)len); /* writes behind where it reads */
    if (size < 0)
        return false;
    out[size] = '\0';
    return true;
}

int64_t mw_vault_jwt_expiry(struct mw_vault *vault, uint32_t id)
{
    int64_t expiry = 0;
    unsigned char *claims = mw_locked_alloc(MW_VAULT_SECRET_MAX + 4);
    const char *token = mw_vault_join_begin(vault);
    if (claims && token && mw_vault_join_secret(vault, id) == 0) {
        (void)mw_vault_join_end(vault); /* ends in NUL, which is what is wanted */
        const char *at = NULL;
        if (decode_claims(token, claims, MW_VAULT_SECRET_MAX + 4))
            at = strstr((const char *)claims, "\"exp\":");
        long long seconds = at ? strtoll(at + 6, NULL, 10) : 0; /* 0: no number stands there */
        expiry = seconds > 0 ? seconds : 0;
    }
    mw_vault_wipe(vault);
    mw_locked_free(claims, MW_VAULT_SECRET_MAX + 4);
    return expiry;
}
