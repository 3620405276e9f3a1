/* vault_secrets.h: what the tests of the vault share. */
#ifndef MW_TEST_VAULT_SECRETS_H
#define MW_TEST_VAULT_SECRETS_H

#include "test.h"
#include "vault.h"

#include <stdlib.h>
#include <sys/prctl.h>

static struct mw_err err;

static inline struct mw_vault *new_vault(struct mw_redactor *redactor)
{
    struct mw_vault *vault = mw_vault_new(redactor, &err);
    if (!vault) {
        printf("%s\n", err.text);
        exit(1);
    }
    return vault;
}

static inline uint32_t secret_of(struct mw_vault *vault, const char *text)
{
    uint32_t id = mw_vault_from_text(vault, text, strlen(text), &err);
    CHECK(id > 0);
    return id;
}

#endif
