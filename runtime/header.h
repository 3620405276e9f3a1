/* header.h: one header of an HTTP request. */
#ifndef MW_HEADER_H
#define MW_HEADER_H

struct mw_header {
    const char *name, *value;
};

#endif
