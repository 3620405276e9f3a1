/* wire.h: a connected socket as OpenSSL reads and writes it (a BIO). What has come is taken from
 * the socket into one buffer, as much as there is with one system call, and from there record by
 * record. OpenSSL could read ahead by itself, but moves all that is left to the beginning of its
 * buffer for each record; and asking it in vain takes three times as long as asking the socket. */
#ifndef MW_WIRE_H
#define MW_WIRE_H

#include "err.h"

#include <openssl/bio.h>
#include <stdbool.h>

/* What all wires share; it outlives them. NULL without memory. */
MW_MUST_USE BIO_METHOD *mw_wire_method(void);

/* For `fd`, which does not block and stays its owner's. NULL without memory. */
MW_MUST_USE BIO *mw_wire_new(const BIO_METHOD *method, int fd);

/* Whether anything is there: bytes, the end, or a failure. Asks the socket when nothing is left. */
bool mw_wire_has_more(BIO *bio);

#endif
