/* vault.h: secrets are loaded here, stay here, and are only ever used to sign. Whoever holds a
 * secret's id can sign with it; nothing gives its text back but mw_vault_join, whose result stands
 * in locked memory for the length of one call. */
#ifndef MW_VAULT_H
#define MW_VAULT_H

#include "err.h"
#include "redact.h"

#include <stddef.h>
#include <stdint.h>

struct mw_vault;

enum { MW_VAULT_SECRET_MAX = 16384, MW_SIGNATURE_MAX = 2 * 64 + 1, MW_JWT_MAX = 8192 };

enum mw_digest { MW_SHA256, MW_SHA384, MW_SHA512 };
enum mw_encoding { MW_HEX, MW_BASE64 }; /* lower-case hex; standard alphabet with padding */

/* Names as Lua uses them ("sha256", "hex"); -1 for an unknown one. */
int mw_digest_of(const char *name);
int mw_encoding_of(const char *name);

/* Secrets are added to the redactor, which stays the caller's. Makes the process undumpable. */
MW_MUST_USE struct mw_vault *mw_vault_new(struct mw_redactor *redactor, struct mw_err *err);
void mw_vault_free(struct mw_vault *vault); /* takes NULL */

/* Each returns a secret's id, above 0; 0 and `err` on failure. The environment variable is wiped
 * and removed. A file is refused when others can read it. Text is copied. */
MW_MUST_USE uint32_t mw_vault_from_env(struct mw_vault *vault, const char *name,
                                       struct mw_err *err);
MW_MUST_USE uint32_t mw_vault_from_file(struct mw_vault *vault, const char *path,
                                        struct mw_err *err);
MW_MUST_USE uint32_t mw_vault_from_text(struct mw_vault *vault, const char *text, size_t len,
                                        struct mw_err *err);
/* Reads the file of a secret again: somebody may have put another text there. -1 and `err`, and the
 * old text stays, when that fails or the secret comes from no file. */
MW_MUST_USE int mw_vault_reload(struct mw_vault *vault, uint32_t id, struct mw_err *err);
/* A secret of its own that is this one's text as JSON has it, in quotes; 0 and `err` on failure. */
MW_MUST_USE uint32_t mw_vault_quoted(struct mw_vault *vault, uint32_t id, struct mw_err *err);
void mw_vault_forget(struct mw_vault *vault, uint32_t id);
const char *mw_vault_source(const struct mw_vault *vault, uint32_t id); /* "INDODAX_KEY" */

/* HMAC of a message with the secret's own characters as key; `out` holds MW_SIGNATURE_MAX bytes and
 * ends in NUL. Returns the length, 0 and `err` on failure. */
MW_MUST_USE size_t mw_vault_hmac(struct mw_vault *vault, uint32_t id, enum mw_digest digest,
                                 const char *message, size_t len, enum mw_encoding encoding,
                                 char *out, struct mw_err *err);

/* Digest without a key (of a text that may have been joined with secrets). */
MW_MUST_USE size_t mw_vault_digest(enum mw_digest digest, const char *message, size_t len,
                                   enum mw_encoding encoding, char *out, struct mw_err *err);

/* A signed JWT: HS256 with the secret's characters, RS256, ES256 or EdDSA with a private key in
 * PEM (or base64 of one). `out` holds MW_JWT_MAX bytes. Returns the length, 0 and `err` on failure.
 */
MW_MUST_USE size_t mw_vault_jwt(struct mw_vault *vault, uint32_t id, const char *algorithm,
                                const char *header, const char *payload, char *out,
                                struct mw_err *err);

/* When a secret that is a JWT ends (`exp`): seconds since 1970; 0 when it is none or does not say.
 */
int64_t mw_vault_jwt_expiry(struct mw_vault *vault, uint32_t id);

/* The scratch memory: joins texts and secrets. Begin, add, then the result is good until wiped. */
char *mw_vault_join_begin(struct mw_vault *vault); /* NULL: all are in use */
int mw_vault_join_text(struct mw_vault *vault, const char *text, size_t len);
int mw_vault_join_secret(struct mw_vault *vault, uint32_t id); /* -1: no room, or no such secret */
size_t mw_vault_join_end(struct mw_vault *vault);              /* ends in NUL; the length */
void mw_vault_wipe(struct mw_vault *vault);

#endif
