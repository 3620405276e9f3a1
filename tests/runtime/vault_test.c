/* Secrets: where they come from, and where they stay. */
#include "vault_secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/mw-vault-XXXXXX";

/* Where secrets come from ---------------------------------------------------------------------- */

static const char *path_of(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name); /* fits */
    return path;
}

static const char *write_file(const char *name, const char *bytes, size_t len, mode_t mode)
{
    const char *path = path_of(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, bytes, len) == (ssize_t)len && fchmod(fd, mode) == 0);
    if (fd >= 0)
        CHECK_INT(close(fd), 0);
    return path;
}

/* The text that a secret signs with is `text`, and nothing else. */
static void check_is(struct mw_vault *vault, uint32_t id, const char *text, size_t len)
{
    char out[MW_SIGNATURE_MAX], expected[MW_SIGNATURE_MAX];
    uint32_t same = mw_vault_from_text(vault, text, len, &err);
    CHECK(mw_vault_hmac(vault, same, MW_SHA256, "m", 1, MW_HEX, expected, &err) > 0);
    CHECK(mw_vault_hmac(vault, id, MW_SHA256, "m", 1, MW_HEX, out, &err) > 0);
    CHECK_TEXT(out, expected);
    mw_vault_forget(vault, same);
}

/* A token that somebody renews in its file is read again, and a bad file leaves the old one. */
static void reloading(void)
{
    struct mw_vault *vault = new_vault(NULL);
    const char *path = write_file("token", "first", 5, 0600);
    uint32_t id = mw_vault_from_file(vault, path, &err);
    char out[MW_SIGNATURE_MAX];
    CHECK(mw_vault_hmac(vault, id, MW_SHA256, "m", 1, MW_HEX, out, &err) > 0);
    (void)write_file("token", "the second\n", 11, 0600);
    CHECK_INT(mw_vault_reload(vault, id, &err), 0);
    check_is(vault, id, "the second", 10);
    CHECK_TEXT(mw_vault_source(vault, id), path);
    (void)write_file("token", "open", 4, 0644);
    CHECK_INT(mw_vault_reload(vault, id, &err), -1);
    CHECK(strstr(err.text, "chmod 600") != NULL);
    (void)write_file("token", "", 0, 0600);
    CHECK_INT(mw_vault_reload(vault, id, &err), -1);
    CHECK(unlink(path) == 0);
    CHECK_INT(mw_vault_reload(vault, id, &err), -1);
    CHECK(strstr(err.text, path) != NULL);
    check_is(vault, id, "the second", 10);
    uint32_t text = secret_of(vault, "typed in");
    CHECK_INT(mw_vault_reload(vault, text, &err), -1);
    CHECK(strstr(err.text, "no file") != NULL);
    mw_vault_forget(vault, text);
    CHECK_INT(mw_vault_reload(vault, text, &err), -1);
    mw_vault_free(vault);
}

static void check_refused(uint32_t id, const char *place, const char *why)
{
    CHECK_INT(id, 0);
    if (!strstr(err.text, place) || !strstr(err.text, why)) {
        printf("expected an error with \"%s\" and \"%s\", got \"%s\"\n", place, why, err.text);
        CHECK(!"the error names the place");
    }
}

static void environment(void)
{
    static char text[MW_VAULT_SECRET_MAX + 2];
    struct mw_vault *vault = new_vault(NULL);
    (void)setenv("MW_TEST_KEY", "from the environment", 1);
    uint32_t id = mw_vault_from_env(vault, "MW_TEST_KEY", &err);
    check_is(vault, id, "from the environment", 20);
    CHECK(getenv("MW_TEST_KEY") == NULL);
    CHECK_TEXT(mw_vault_source(vault, id), "MW_TEST_KEY");
    check_refused(mw_vault_from_env(vault, "MW_TEST_KEY", &err), "MW_TEST_KEY", "not set");
    (void)setenv("MW_TEST_KEY", "", 1);
    check_refused(mw_vault_from_env(vault, "MW_TEST_KEY", &err), "MW_TEST_KEY", "empty");
    memset(text, 'k', sizeof text - 1);
    (void)setenv("MW_TEST_KEY", text, 1);
    check_refused(mw_vault_from_env(vault, "MW_TEST_KEY", &err), "MW_TEST_KEY", "too long");
    CHECK(!strstr(err.text, "kkk"));
    text[MW_VAULT_SECRET_MAX] = '\0';
    (void)setenv("MW_TEST_KEY", text, 1);
    id = mw_vault_from_env(vault, "MW_TEST_KEY", &err);
    check_is(vault, id, text, MW_VAULT_SECRET_MAX);
    mw_vault_free(vault);
}

static void file_contents(void)
{
    static char text[MW_VAULT_SECRET_MAX + 8];
    static const struct {
        const char *written, *secret;
    } rows[] = {
        {"secret in a file", "secret in a file"},
        {"with a line end\n", "with a line end"},
        {"with two\n\n", "with two\n"},
        {" blanks are kept ", " blanks are kept "},
        {"-----BEGIN\nmore\n-----END\n", "-----BEGIN\nmore\n-----END"},
        {"x", "x"},
    };
    struct mw_vault *vault = new_vault(NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *path = write_file("content", rows[i].written, strlen(rows[i].written), 0600);
        uint32_t id = mw_vault_from_file(vault, path, &err);
        check_is(vault, id, rows[i].secret, strlen(rows[i].secret));
        CHECK_TEXT(mw_vault_source(vault, id), path);
    }
    memset(text, 'k', sizeof text);
    text[MW_VAULT_SECRET_MAX] = '\n';
    for (size_t len = MW_VAULT_SECRET_MAX - 1; len <= MW_VAULT_SECRET_MAX + 1; len++) {
        uint32_t id = mw_vault_from_file(vault, write_file("content", text, len, 0600), &err);
        check_is(vault, id, text, len < MW_VAULT_SECRET_MAX ? len : MW_VAULT_SECRET_MAX);
    }
    text[MW_VAULT_SECRET_MAX] = 'k';
    for (size_t len = MW_VAULT_SECRET_MAX + 1; len <= sizeof text; len++) {
        const char *path = write_file("content", text, len, 0600);
        check_refused(mw_vault_from_file(vault, path, &err), path, "too long");
        CHECK(!strstr(err.text, "kkk"));
    }
    mw_vault_free(vault);
}

static void file_modes(void)
{
    static const mode_t refused[] = {0640, 0604, 0644, 0660, 0620, 0602, 0610, 0601, 0777, 0440};
    struct mw_vault *vault = new_vault(NULL);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char mode[8];
        (void)snprintf(mode, sizeof mode, "%03o", (unsigned)refused[i]); /* fits */
        const char *path = write_file("mode", "secret in a file", 16, refused[i]);
        check_refused(mw_vault_from_file(vault, path, &err), path, mode);
        CHECK(strstr(err.text, "others") && !strstr(err.text, "secret in a"));
        CHECK_INT(unlink(path), 0);
    }
    CHECK(mw_vault_from_file(vault, write_file("mode", "12345678", 8, 0600), &err) > 0);
    CHECK(mw_vault_from_file(vault, write_file("mode", "12345678", 8, 0400), &err) > 0);
    if (geteuid() == 0) { /* only root can play somebody else */
        const char *path = write_file("mode", "12345678", 8, 0600);
        CHECK_INT(chown(path, 65534, 65534), 0);
        check_refused(mw_vault_from_file(vault, path, &err), path, "somebody else");
    }
    mw_vault_free(vault);
}

static void no_such_file(void)
{
    struct mw_vault *vault = new_vault(NULL);
    const char *path = path_of("missing");
    check_refused(mw_vault_from_file(vault, path, &err), path, strerror(ENOENT));
    check_refused(mw_vault_from_file(vault, directory, &err), directory, "not a regular file");
    check_refused(mw_vault_from_file(vault, "/dev/null", &err), "/dev/null", "not a regular file");
    path = path_of("pipe");
    CHECK_INT(mkfifo(path, 0600), 0); /* nobody writes: must not wait for one */
    check_refused(mw_vault_from_file(vault, path, &err), path, "not a regular file");
    CHECK_INT(unlink(path), 0);
    path = write_file("nothing", "", 0, 0600);
    check_refused(mw_vault_from_file(vault, path, &err), path, "empty");
    path = write_file("nothing", "\n", 1, 0600);
    check_refused(mw_vault_from_file(vault, path, &err), path, "empty");
    mw_vault_free(vault);
}

static void texts(void)
{
    static char text[MW_VAULT_SECRET_MAX + 1];
    struct mw_vault *vault = new_vault(NULL);
    char given[] = "copied text";
    uint32_t id = secret_of(vault, given);
    memset(given, 'x', sizeof given - 1);
    check_is(vault, id, "copied text", 11);
    CHECK(!strstr(mw_vault_source(vault, id), "copied"));
    check_refused(mw_vault_from_text(vault, "", 0, &err), "1 to 16384", "not 0");
    memset(text, 'k', sizeof text);
    check_refused(mw_vault_from_text(vault, text, sizeof text, &err), "1 to 16384", "not 16385");
    id = mw_vault_from_text(vault, text, sizeof text - 1, &err);
    check_is(vault, id, text, sizeof text - 1);
    mw_vault_free(vault);
}

static void quoting(void)
{
    struct mw_vault *vault = new_vault(NULL);
    uint32_t id = secret_of(vault, "a\"b\\c\n\x1f \xc3\xa4/");
    uint32_t quoted = mw_vault_quoted(vault, id, &err);
    static const char expected[] = "\"a\\\"b\\\\c\\u000a\\u001f \xc3\xa4/\"";
    check_is(vault, quoted, expected, sizeof expected - 1);
    CHECK_TEXT(mw_vault_source(vault, quoted), mw_vault_source(vault, id));
    check_is(vault, mw_vault_quoted(vault, secret_of(vault, "plain"), &err), "\"plain\"", 7);
    mw_vault_forget(vault, id);
    check_refused(mw_vault_quoted(vault, id, &err), "secret", "gone");
    check_refused(mw_vault_quoted(vault, 0, &err), "secret", "gone");
    mw_vault_free(vault);
}

static void forgetting(void)
{
    char out[MW_SIGNATURE_MAX];
    struct mw_vault *vault = new_vault(NULL);
    uint32_t first = secret_of(vault, "first secret"), second = secret_of(vault, "second secret");
    CHECK(first != second);
    CHECK(mw_vault_hmac(vault, first, MW_SHA256, "m", 1, MW_HEX, out, &err) > 0);
    mw_vault_forget(vault, first);
    mw_vault_forget(vault, first);
    mw_vault_forget(vault, 0);
    mw_vault_forget(vault, 257);
    mw_vault_forget(vault, UINT32_MAX);
    const uint32_t gone[] = {first, 0, 256, 257, UINT32_MAX};
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        size_t len = mw_vault_hmac(vault, gone[i], MW_SHA256, "m", 1, MW_HEX, out, &err);
        check_refused((uint32_t)len, "secret", "gone");
        CHECK_TEXT(mw_vault_source(vault, gone[i]), "");
        CHECK(mw_vault_join_begin(vault) != NULL);
        CHECK_INT(mw_vault_join_secret(vault, gone[i]), -1);
        mw_vault_wipe(vault);
    }
    check_is(vault, second, "second secret", 13);
    check_is(vault, secret_of(vault, "third secret"), "third secret", 12); /* not the first's key */
    mw_vault_free(vault);
    mw_vault_free(NULL);
}

static void a_full_vault(void)
{
    struct mw_vault *vault = new_vault(NULL);
    char text[32];
    for (int i = 0; i < 256; i++) {
        (void)snprintf(text, sizeof text, "secret %d", i); /* fits */
        CHECK(secret_of(vault, text) > 0);
    }
    const char *path = write_file("full", "one too many", 12, 0600);
    check_refused(mw_vault_from_file(vault, path, &err), path, "no room");
    (void)setenv("MW_TEST_KEY", "one too many", 1);
    check_refused(mw_vault_from_env(vault, "MW_TEST_KEY", &err), "MW_TEST_KEY", "no room");
    CHECK(!strstr(err.text, "too many"));
    mw_vault_forget(vault, 100);
    check_is(vault, 101, "secret 100", 10);
    CHECK_INT(mw_vault_from_file(vault, path, &err), 100); /* the place that is free */
    (void)unsetenv("MW_TEST_KEY");
    mw_vault_free(vault);
}

/* Where they stay ------------------------------------------------------------------------------ */

static void redacted(void)
{
    struct mw_redactor *redactor = mw_redactor_new(&err);
    if (!redactor)
        abort();
    struct mw_vault *vault = new_vault(redactor);
    char text[64];
    (void)setenv("MW_TEST_KEY", "first-secret", 1);
    CHECK(mw_vault_from_env(vault, "MW_TEST_KEY", &err) > 0);
    const char *path = write_file("redacted", "other-secret\n", 13, 0600);
    uint32_t second = mw_vault_from_file(vault, path, &err);
    CHECK(second > 0);
    uint32_t third = secret_of(vault, "third-secret");
    (void)snprintf(text, sizeof text, "first-secret other-secret third-secret."); /* fits */
    text[mw_redact(redactor, text, strlen(text))] = '\0';
    CHECK_TEXT(text, "[secret] [secret] [secret].");
    mw_vault_forget(vault, third); /* what is forgotten may still be in a text that comes later */
    (void)snprintf(text, sizeof text, "third-secret");
    text[mw_redact(redactor, text, strlen(text))] = '\0';
    CHECK_TEXT(text, "[secret]");
    (void)write_file("redacted", "what-it-is-now\n", 15, 0600);
    CHECK_INT(mw_vault_reload(vault, second, &err), 0);
    (void)snprintf(text, sizeof text, "other-secret what-it-is-now.");
    text[mw_redact(redactor, text, strlen(text))] = '\0';
    CHECK_TEXT(text, "[secret] [secret].");
    mw_vault_free(vault);
    mw_redactor_free(redactor);
}

static void scratch(void)
{
    enum { LEVELS = 4, ROOM = 256 * 1024 };
    struct mw_vault *vault = new_vault(NULL);
    uint32_t id = secret_of(vault, "SECRET");
    char *level[LEVELS];
    for (int i = 0; i < LEVELS; i++) {
        level[i] = mw_vault_join_begin(vault);
        CHECK_INT(mw_vault_join_text(vault, "a=", 2), 0);
        CHECK_INT(mw_vault_join_secret(vault, id), 0);
        CHECK_INT(mw_vault_join_text(vault, "&b=0123456789", i), 0);
        CHECK_INT(mw_vault_join_end(vault), 8 + i);
    }
    CHECK(mw_vault_join_begin(vault) == NULL);
    CHECK_TEXT(level[0], "a=SECRET");
    CHECK_TEXT(level[3], "a=SECRET&b=");
    mw_vault_wipe(vault);
    for (int i = 0; i < LEVELS; i++)
        for (int at = 0; at < 16; at++)
            CHECK_INT(level[i][at], 0);
    char *filler = calloc(1, ROOM);
    char *joined = mw_vault_join_begin(vault);
    if (!filler || !joined)
        abort();
    memset(filler, 'f', ROOM);
    CHECK_INT(mw_vault_join_text(vault, filler, ROOM), -1); /* the NUL has no room */
    CHECK_INT(mw_vault_join_text(vault, filler, ROOM - 6), 0);
    CHECK_INT(mw_vault_join_secret(vault, id), -1);
    CHECK_INT(mw_vault_join_text(vault, filler, 5), 0);
    CHECK_INT(mw_vault_join_text(vault, filler, 1), -1);
    CHECK_INT(mw_vault_join_end(vault), ROOM - 1);
    CHECK_INT(strlen(joined), ROOM - 1);
    mw_vault_wipe(vault);
    size_t left = 0;
    for (size_t at = 0; at < ROOM; at++)
        left += joined[at] != 0;
    CHECK_INT(left, 0);
    mw_vault_wipe(vault); /* nothing to wipe */
    free(filler);
    mw_vault_free(vault);
}

static const struct test_case cases[] = {
    {"a secret from the environment is taken out of it, and errors name the variable", environment},
    {"a secret from a file is its text without the last line end", file_contents},
    {"a file that others may read, or that is another's, is refused by name", file_modes},
    {"a missing or empty file, a directory and a device are refused by name", no_such_file},
    {"a secret from a text is a copy of it, of 1 to 16384 bytes", texts},
    {"a secret can be had as a JSON string that is a secret too", quoting},
    {"a secret's file is read again, and a bad one leaves the old text", reloading},
    {"a forgotten secret signs nothing, and its place has no old key", forgetting},
    {"a full vault says for which secret it has no room", a_full_vault},
    {"every secret is known to the redactor", redacted},
    {"joined texts stay inside their memory and are wiped", scratch},
};

int main(void)
{
    if (!mkdtemp(directory))
        return 1;
    int status = test_main(cases, sizeof cases / sizeof *cases);
    static const char *const files[] = {"content", "mode", "nothing", "full", "redacted"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        (void)unlink(path_of(files[i])); /* may be gone already */
    (void)prctl(PR_SET_DUMPABLE, 1);     /* the leak checker has to look at us when we end */
    if (rmdir(directory) == 0)
        return status;
    printf("%s: %s\n", directory, strerror(errno));
    return 1;
}
