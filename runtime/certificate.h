/* certificate.h: a certificate authority and a server certificate for loopback, for simulators. */
#ifndef MW_CERTIFICATE_H
#define MW_CERTIFICATE_H

#include "err.h"

/* Writes ca.pem, server.pem and server.key (mode 0600) into `dir`: P-256, for localhost, 127.0.0.1
 * and ::1, valid for a year. The authority's own key is thrown away: nothing else can be signed by
 * it. */
MW_MUST_USE int mw_certificate_make(const char *dir, struct mw_err *err);

#endif
