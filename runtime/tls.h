/* tls.h: TLS 1.2 and up for clients, with verification and host-name check always on. */
#ifndef MW_TLS_H
#define MW_TLS_H

#include "err.h"

#include <openssl/ssl.h>

struct mw_tls;

MW_MUST_USE struct mw_tls *mw_tls_new(struct mw_err *err);
void mw_tls_free(struct mw_tls *tls); /* takes NULL */

/* A session for a connected socket that will check the certificate for `host`. The store (ca_file,
 * or the system's when NULL) is read once and kept. */
MW_MUST_USE SSL *mw_tls_open(struct mw_tls *tls, const char *ca_file, const char *host, int fd,
                             struct mw_err *err);

/* What went wrong with the last call on `ssl` that returned `result`, in words. */
void mw_tls_explain(SSL *ssl, int result, const char *host, struct mw_err *err);

/* What to do about a certificate that was not accepted for `verdict` (of OpenSSL, X509_V_...): ""
 * or words that go behind the reason. */
const char *mw_tls_advice(long verdict);

#endif
