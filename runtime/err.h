/* err.h: a failure as one line of text. The first failure sets it, each caller adds what it was
 * doing: "open wss://host/: tls: certificate has expired". Nothing is printed on the way. */
#ifndef MW_ERR_H
#define MW_ERR_H

#define MW_MUST_USE __attribute__((warn_unused_result))
#define MW_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum { MW_ERR_MAX = 1024 };

struct mw_err {
    char text[MW_ERR_MAX]; /* always ends in NUL; cut off when too long */
};

/* Replaces the text. `err` may be NULL: then nothing is kept. */
void mw_err_set(struct mw_err *err, const char *format, ...) MW_PRINTF(2, 3);

/* Puts "context: " in front of the text. */
void mw_err_context(struct mw_err *err, const char *format, ...) MW_PRINTF(2, 3);

#endif
