#include "vault.h"
#include "locked.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECRETS_MAX = 256, DIGESTS = 3, SCRATCHES = 4, SCRATCH_SIZE = 256 * 1024 };

struct secret {
    char *text; /* locked; NULL: this place is free */
    size_t len;
    char source[128];
    char *path;                  /* of the file that it was read from, or NULL */
    EVP_MAC_CTX *keyed[DIGESTS]; /* with the key set: signing only copies it */
};

struct mw_vault {
    struct mw_redactor *redactor;
    EVP_MAC *hmac;
    struct secret secrets[SECRETS_MAX];
    char *scratch[SCRATCHES];
    size_t scratch_len[SCRATCHES];
    int scratch_used;
};

static const char *const digest_names[DIGESTS] = {"sha256", "sha384", "sha512"};

int mw_digest_of(const char *name)
{
    for (int i = 0; i < DIGESTS; i++)
        if (strcmp(name, digest_names[i]) == 0)
            return i;
    return -1;
}

int mw_encoding_of(const char *name)
{
    return strcmp(name, "hex") == 0 ? MW_HEX : strcmp(name, "base64") == 0 ? MW_BASE64 : -1;
}

struct mw_vault *mw_vault_new(struct mw_redactor *redactor, struct mw_err *err)
{
    struct mw_vault *vault = calloc(1, sizeof *vault);
    if (!vault)
        goto fail;
    vault->redactor = redactor;
    vault->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    for (int i = 0; i < SCRATCHES; i++)
        vault->scratch[i] = mw_locked_alloc(SCRATCH_SIZE);
    if (!vault->hmac || !vault->scratch[SCRATCHES - 1])
        goto fail;
    (void)prctl(PR_SET_DUMPABLE, 0); /* no core file, no peeking by others: best effort */
    return vault;
fail:
    mw_err_set(err, "vault: out of memory");
    mw_vault_free(vault);
    return NULL;
}

void mw_vault_forget(struct mw_vault *vault, uint32_t id)
{
    if (id == 0 || id > SECRETS_MAX)
        return;
    struct secret *secret = &vault->secrets[id - 1];
    for (int i = 0; i < DIGESTS; i++)
        EVP_MAC_CTX_free(secret->keyed[i]);
    mw_locked_free(secret->text, secret->len + 1);
    free(secret->path);
    memset(secret, 0, sizeof *secret);
}

void mw_vault_free(struct mw_vault *vault)
{
    if (!vault)
        return;
    for (uint32_t id = 1; id <= SECRETS_MAX; id++)
        mw_vault_forget(vault, id);
    for (int i = 0; i < SCRATCHES; i++)
        mw_locked_free(vault->scratch[i], SCRATCH_SIZE);
    EVP_MAC_free(vault->hmac);
    free(vault);
}

static struct secret *find(struct mw_vault *vault, uint32_t id, struct mw_err *err)
{
    if (id == 0 || id > SECRETS_MAX || !vault->secrets[id - 1].text) {
        mw_err_set(err, "this secret is gone");
        return NULL;
    }
    return &vault->secrets[id - 1];
}

/* Loading -------------------------------------------------------------------------------------- */

static uint32_t store(struct mw_vault *vault, const char *text, size_t len, const char *source,
                      struct mw_err *err)
{
    uint32_t id = 1;
    while (id <= SECRETS_MAX && vault->secrets[id - 1].text)
        id++;
    char *copy = id <= SECRETS_MAX ? mw_locked_alloc(len + 1) : NULL;
    if (!copy) {
        mw_err_set(err, "secret %s: no room in locked memory", source);
        return 0;
    }
    struct secret *secret = &vault->secrets[id - 1];
    memcpy(copy, text, len);
    secret->text = copy;
    secret->len = len;
    (void)snprintf(secret->source, sizeof secret->source, "%s", source); /* a long name is cut */
    if (vault->redactor)
        mw_redactor_add_key(vault->redactor, text, len);
    return id;
}

uint32_t mw_vault_from_text(struct mw_vault *vault, const char *text, size_t len,
                            struct mw_err *err)
{
    if (len == 0 || len > MW_VAULT_SECRET_MAX) {
        mw_err_set(err, "a secret has 1 to %d bytes, not %zu", MW_VAULT_SECRET_MAX, len);
        return 0;
    }
    return store(vault, text, len, "text", err);
}

/* Bytes of the text as JSON has it, quotes included, into `out` when that is not NULL. */
static size_t quote(const char *text, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;
    char room[6] = "";
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        char *at = out ? out + 1 + n : room;
        if (c == '"' || c == '\\') {
            at[0] = '\\';
            at[1] = text[i];
            n += 2;
        } else if (c < 0x20) {
            memcpy(at, "\\u00", 4);
            at[4] = digits[c >> 4];
            at[5] = digits[c & 15];
            n += 6;
        } else {
            at[0] = text[i];
            n++;
        }
    }
    if (out)
        out[0] = out[n + 1] = '"';
    return n + 2;
}

uint32_t mw_vault_quoted(struct mw_vault *vault, uint32_t id, struct mw_err *err)
{
    struct secret *secret = id && id <= SECRETS_MAX ? &vault->secrets[id - 1] : NULL;
    if (!secret || !secret->text) {
        mw_err_set(err, "a secret that is gone has no text");
        return 0;
    }
    size_t len = quote(secret->text, secret->len, NULL);
    char *text = mw_locked_alloc(len);
    uint32_t quoted = 0;
    if (text) {
        (void)quote(secret->text, secret->len, text);
        quoted = store(vault, text, len, secret->source, err);
    } else {
        mw_err_set(err, "secret %s: no room in locked memory", secret->source);
    }
    mw_locked_free(text, len);
    return quoted;
}

uint32_t mw_vault_from_env(struct mw_vault *vault, const char *name, struct mw_err *err)
{
    char *value = getenv(name);
    size_t len = value ? strlen(value) : 0;
    if (len == 0 || len > MW_VAULT_SECRET_MAX) {
        mw_err_set(err, "environment variable %s is %s", name,
                   !value ? "not set"
                   : len  ? "too long for a secret"
                          : "empty");
        return 0;
    }
    uint32_t id = store(vault, value, len, name, err);
    if (id) {
        OPENSSL_cleanse(value, len); /* /proc shows the first environment for as long as we live */
        (void)unsetenv(name);        /* cannot fail: the name was found */
    }
    return id;
}

static int check_file(int fd, struct mw_err *err)
{
    struct stat about;
    if (fstat(fd, &about) < 0) {
        mw_err_set(err, "%s", strerror(errno));
        return -1;
    }
    if (!S_ISREG(about.st_mode)) {
        mw_err_set(err, "not a regular file");
        return -1;
    }
    if (about.st_uid != geteuid() && about.st_uid != 0) {
        mw_err_set(err, "belongs to somebody else");
        return -1;
    }
    if (about.st_mode & (S_IRWXG | S_IRWXO)) {
        mw_err_set(err, "others may read it (mode %03o): chmod 600 it", about.st_mode & 0777);
        return -1;
    }
    return 0;
}

/* The text of a file, in locked memory of FILE_ROOM bytes; NULL and `err` when it cannot be had. */
enum { FILE_ROOM = MW_VAULT_SECRET_MAX + 2 };

static char *read_file(const char *path, size_t *text_len, struct mw_err *err)
{
    ssize_t len = -1;
    char *text = mw_locked_alloc(FILE_ROOM);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (!text || fd < 0) {
        mw_err_set(err, "%s", text ? strerror(errno) : "no locked memory");
        goto out;
    }
    if (check_file(fd, err) < 0)
        goto out;
    len = read(fd, text, FILE_ROOM);
    if (len > 0 && text[len - 1] == '\n')
        len--;
    if (len <= 0 || len > MW_VAULT_SECRET_MAX) {
        mw_err_set(err, "%s", len < 0 ? strerror(errno) : len ? "too long for a secret" : "empty");
        len = -1;
    }
out:
    if (fd >= 0)
        (void)close(fd); /* nothing was written */
    if (len < 0) {
        mw_err_context(err, "secret file %s", path);
        mw_locked_free(text, FILE_ROOM);
        return NULL;
    }
    *text_len = (size_t)len;
    return text;
}

uint32_t mw_vault_from_file(struct mw_vault *vault, const char *path, struct mw_err *err)
{
    size_t len;
    char *text = read_file(path, &len, err);
    if (!text)
        return 0;
    uint32_t id = store(vault, text, len, path, err);
    mw_locked_free(text, FILE_ROOM);
    char *kept_path = id ? strdup(path) : NULL;
    if (id && !kept_path) {
        mw_vault_forget(vault, id);
        mw_err_set(err, "secret file %s: out of memory", path);
        return 0;
    }
    if (id)
        vault->secrets[id - 1].path = kept_path;
    return id;
}

int mw_vault_reload(struct mw_vault *vault, uint32_t id, struct mw_err *err)
{
    size_t len;
    struct secret *secret = find(vault, id, err);
    if (!secret)
        return -1;
    if (!secret->path) {
        mw_err_set(err, "secret %s comes from no file", secret->source);
        return -1;
    }
    char *text = read_file(secret->path, &len, err);
    char *copy = text ? mw_locked_alloc(len + 1) : NULL;
    if (!copy) {
        if (text)
            mw_err_set(err, "secret %s: no room in locked memory", secret->source);
        mw_locked_free(text, FILE_ROOM);
        return -1;
    }
    memcpy(copy, text, len);
    mw_locked_free(text, FILE_ROOM);
    for (int i = 0; i < DIGESTS; i++) {
        EVP_MAC_CTX_free(secret->keyed[i]);
        secret->keyed[i] = NULL;
    }
    mw_locked_free(secret->text, secret->len + 1);
    secret->text = copy;
    secret->len = len;
    if (vault->redactor)
        mw_redactor_add(vault->redactor, copy, len);
    return 0;
}

const char *mw_vault_source(const struct mw_vault *vault, uint32_t id)
{
    return id && id <= SECRETS_MAX ? vault->secrets[id - 1].source : "";
}

/* Signing -------------------------------------------------------------------------------------- */

static size_t encode(const unsigned char *bytes, size_t len, enum mw_encoding encoding, char *out)
{
    static const char digits[] = "0123456789abcdef";
    if (encoding == MW_BASE64)
        return (size_t)EVP_EncodeBlock((unsigned char *)out, bytes, (int)len);
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
    return 2 * len;
}

static EVP_MAC_CTX *keyed_context(struct mw_vault *vault, struct secret *secret,
                                  enum mw_digest digest)
{
    if (secret->keyed[digest])
        return secret->keyed[digest];
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(vault->hmac);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string("digest", (char *)digest_names[digest], 0),
        OSSL_PARAM_construct_end(),
    };
    if (context &&
        !EVP_MAC_init(context, (const unsigned char *)secret->text, secret->len, parameters)) {
        EVP_MAC_CTX_free(context);
        context = NULL;
    }
    secret->keyed[digest] = context;
    return context;
}

/* The raw HMAC. The keyed context is used again: init without a key starts a new message. */
static size_t hmac(struct mw_vault *vault, struct secret *secret, enum mw_digest digest,
                   const char *message, size_t len, unsigned char raw[EVP_MAX_MD_SIZE])
{
    size_t raw_len = 0;
    EVP_MAC_CTX *context = keyed_context(vault, secret, digest);
    if (!context || !EVP_MAC_init(context, NULL, 0, NULL) ||
        !EVP_MAC_update(context, (const unsigned char *)message, len) ||
        !EVP_MAC_final(context, raw, &raw_len, EVP_MAX_MD_SIZE))
        return 0;
    return raw_len;
}

size_t mw_vault_hmac(struct mw_vault *vault, uint32_t id, enum mw_digest digest,
                     const char *message, size_t len, enum mw_encoding encoding, char *out,
                     struct mw_err *err)
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    struct secret *secret = find(vault, id, err);
    if (!secret)
        return 0;
    size_t raw_len = hmac(vault, secret, digest, message, len, raw);
    if (!raw_len) {
        mw_err_set(err, "hmac with %s failed", secret->source);
        return 0;
    }
    return encode(raw, raw_len, encoding, out);
}

size_t mw_vault_digest(enum mw_digest digest, const char *message, size_t len,
                       enum mw_encoding encoding, char *out, struct mw_err *err)
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    size_t raw_len = 0;
    if (!EVP_Q_digest(NULL, digest_names[digest], NULL, message, len, raw, &raw_len)) {
        mw_err_set(err, "digest failed");
        return 0;
    }
    return encode(raw, raw_len, encoding, out);
}

/* Scratch -------------------------------------------------------------------------------------- */

char *mw_vault_join_begin(struct mw_vault *vault)
{
    if (vault->scratch_used == SCRATCHES)
        return NULL;
    vault->scratch_len[vault->scratch_used] = 0;
    return vault->scratch[vault->scratch_used++];
}

int mw_vault_join_text(struct mw_vault *vault, const char *text, size_t len)
{
    int at = vault->scratch_used - 1;
    if (len >= SCRATCH_SIZE - vault->scratch_len[at])
        return -1;
    memcpy(vault->scratch[at] + vault->scratch_len[at], text, len);
    vault->scratch_len[at] += len;
    return 0;
}

int mw_vault_join_secret(struct mw_vault *vault, uint32_t id)
{
    struct mw_err err;
    struct secret *secret = find(vault, id, &err);
    return secret ? mw_vault_join_text(vault, secret->text, secret->len) : -1;
}

size_t mw_vault_join_end(struct mw_vault *vault)
{
    int at = vault->scratch_used - 1;
    vault->scratch[at][vault->scratch_len[at]] = '\0';
    return vault->scratch_len[at];
}

void mw_vault_wipe(struct mw_vault *vault)
{
    while (vault->scratch_used > 0) {
        vault->scratch_used--;
        OPENSSL_cleanse(vault->scratch[vault->scratch_used],
                        vault->scratch_len[vault->scratch_used] + 1);
    }
}
