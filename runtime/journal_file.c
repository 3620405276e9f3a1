#include "journal_file.h"
#include "journal_schema.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BUSY_MS = 2000, NAME_MAX_BYTES = 4096 + 64, CHECKED_WHOLE_BYTES = 256 << 20 };

static bool is_damage(int code)
{
    return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

bool mw_journal_is_damaged(sqlite3 *db)
{
    return is_damage(sqlite3_errcode(db));
}

static const char *suspicion(char name[NAME_MAX_BYTES], const char *path)
{
    (void)snprintf(name, NAME_MAX_BYTES, "%s-suspect", path); /* path was checked to fit */
    return name;
}

void mw_journal_suspect(const char *path, int code)
{
    if (!is_damage(code))
        return;
    char name[NAME_MAX_BYTES];
    int fd = open(suspicion(name, path), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)close(fd); /* nothing was written */
}

int mw_journal_failed(sqlite3 *db, const char *path, struct mw_err *err)
{
    int code = db ? sqlite3_errcode(db) & 0xff : SQLITE_OK; /* OK: the failure was not SQLite's */
    int cause = code == SQLITE_IOERR || code == SQLITE_CANTOPEN ? sqlite3_system_errno(db) : 0;
    mw_err_set(err, "journal %s: %s%s%s", path, code ? sqlite3_errmsg(db) : "out of memory",
               cause ? ": " : "", cause ? strerror(cause) : "");
    return -1;
}

int mw_journal_exec(sqlite3 *db, const char *path, const char *sql, struct mw_err *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0
                                                                : mw_journal_failed(db, path, err);
}

int64_t mw_journal_number(sqlite3 *db, const char *path, const char *sql, struct mw_err *err)
{
    sqlite3_stmt *statement = NULL;
    int64_t value = -1;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int64(statement, 0);
    else
        (void)mw_journal_failed(db, path, err);
    (void)sqlite3_finalize(statement); /* repeats the error of the step */
    return value;
}

/* What stands there before it is opened -------------------------------------------------------- */

struct found {
    bool is_ours, is_suspect; /* ours: or too short to tell */
    int64_t bytes, wal_bytes;
};

static int64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) < 0 ? -1 : st.st_size;
}

static struct found look(const char *path)
{
    static const char magic[] = "SQLite format 3"; /* with its NUL: 16 bytes */
    enum { APPLICATION_AT = 68 };
    struct found found = {false};
    unsigned char head[APPLICATION_AT + 4] = {0};
    char wal[NAME_MAX_BYTES];
    (void)snprintf(wal, sizeof wal, "%s-wal", path); /* path was checked to fit */
    found.bytes = size_of(path);
    found.wal_bytes = size_of(wal);
    found.is_suspect = access(suspicion(wal, path), F_OK) == 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return found;
    ssize_t len = read(fd, head, sizeof head);
    (void)close(fd); /* was only read */
    size_t seen = len > 0 ? (size_t)len : 0;
    const unsigned char *at = head + APPLICATION_AT;
    uint32_t application =
        (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | (uint32_t)at[3];
    bool is_sqlite = memcmp(head, magic, seen < sizeof magic ? seen : sizeof magic) == 0;
    found.is_ours = is_sqlite && (seen < sizeof head || application == MW_JOURNAL_APPLICATION);
    return found;
}

/* Damage --------------------------------------------------------------------------------------- */

/* Moves the file and what belongs to it to a name that says when; `err` then tells it. */
static int move_aside(const char *path, const char *why, struct mw_err *err)
{
    char from[NAME_MAX_BYTES], to[NAME_MAX_BYTES], stamp[32];
    time_t now = time(NULL);
    struct tm tm;
    (void)strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm)); /* fits */
    (void)snprintf(to, sizeof to, "%s.damaged-%s", path, stamp);
    for (int i = 2; access(to, F_OK) == 0; i++)
        (void)snprintf(to, sizeof to, "%s.damaged-%s-%d", path, stamp, i);
    size_t len = strlen(to);
    (void)snprintf(from, sizeof from, "%s-wal", path);
    (void)snprintf(to + len, sizeof to - len, "-wal");
    bool failed = rename(from, to) < 0 && errno != ENOENT;
    to[len] = '\0';
    failed = failed || (rename(path, to) < 0 && errno != ENOENT);
    (void)snprintf(from, sizeof from, "%s-shm", path);
    failed = failed || (unlink(from) < 0 && errno != ENOENT);
    failed = failed || (unlink(suspicion(from, path)) < 0 && errno != ENOENT);
    if (failed)
        mw_err_set(err, "journal %s is damaged (%s) and cannot be moved aside: %s", path, why,
                   strerror(errno));
    else
        mw_err_set(err,
                   "journal %s is damaged (%s): it was moved to %s, and a new one is begun, which"
                   " knows no order of before; compare with the venue: moonwire audit",
                   path, why, to);
    return failed ? -1 : 0;
}

/* SQLite's own check of what it can check quickly, of one table or ("") of all. 0; 1 and `why`. */
static int check(sqlite3 *db, const char *table, char *why, size_t size)
{
    char sql[64];
    sqlite3_stmt *statement = NULL;
    (void)snprintf(sql, sizeof sql, "PRAGMA quick_check(%s)", *table ? table : "1"); /* fits */
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    const char *said = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    bool is_good = said ? strcmp(said, "ok") == 0 : !is_damage(code);
    if (!is_good) {
        const char *words = said ? said : sqlite3_errmsg(db);
        if (strncmp(words, "***", 3) == 0 && strchr(words, '\n'))
            words = strchr(words, '\n') + 1; /* below "*** in database main ***" */
        (void)snprintf(why, size, "%.*s", (int)strcspn(words, "\n"), words);
    }
    (void)sqlite3_finalize(statement); /* repeats the error of the step */
    return is_good ? 0 : 1;
}

/* After an end without a close. The chunks of a large file are left out: that would take long. */
static int check_after_crash(sqlite3 *db, const struct found *found, char *why, size_t size)
{
    static const char *const tables[] = {"runs",    "orders",   "fills", "persist",
                                         "dropped", "sessions", "log"};
    if (found->wal_bytes <= 0 && !found->is_suspect)
        return 0;
    if (found->is_suspect || found->bytes + found->wal_bytes <= CHECKED_WHOLE_BYTES)
        return check(db, "", why, size);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (check(db, tables[i], why, size))
            return 1;
    return 0;
}

/* Opening -------------------------------------------------------------------------------------- */

/* With the mode that a record of money wants; SQLite gives the same to its other files. */
static int make_file(const char *path, struct mw_err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST) {
        mw_err_set(err, "journal %s: %s", path, strerror(errno));
        return -1;
    }
    if (fd >= 0)
        (void)close(fd); /* nothing was written */
    return 0;
}

static int make_tables(sqlite3 *db, const char *path, struct mw_err *err)
{
    char sql[128];
    (void)snprintf(sql, sizeof sql,
                   "PRAGMA page_size = %d; PRAGMA auto_vacuum = INCREMENTAL;"
                   "PRAGMA journal_mode = WAL; BEGIN IMMEDIATE",
                   MW_JOURNAL_PAGE); /* fits */
    if (mw_journal_exec(db, path, sql, err) < 0 ||
        mw_journal_exec(db, path, MW_JOURNAL_SCHEMA, err) < 0)
        return -1;
    (void)snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
                   MW_JOURNAL_APPLICATION, MW_JOURNAL_VERSION); /* fits */
    return mw_journal_exec(db, path, sql, err);
}

static int upgrade(sqlite3 *db, const char *path, int64_t version, struct mw_err *err)
{
    char sql[64];
    (void)snprintf(sql, sizeof sql, "PRAGMA user_version = %d; COMMIT",
                   MW_JOURNAL_VERSION); /* fits */
    if (mw_journal_exec(db, path, "BEGIN IMMEDIATE", err) < 0 ||
        (version == 1 && mw_journal_exec(db, path, MW_JOURNAL_UPGRADE_1, err) < 0))
        return -1; /* from version 2 it is only that chunks may be packed from now on */
    return mw_journal_exec(db, path, sql, err);
}

/* One whose maker died before the tables stood. */
static bool is_blank(sqlite3 *db)
{
    struct mw_err err;
    return mw_journal_number(db, "", "PRAGMA application_id", &err) == 0 &&
           mw_journal_number(db, "", "SELECT count(*) FROM sqlite_schema", &err) == 0;
}

/* 0; -1: not ours to use, and `err`. A failure of SQLite is left in the connection. */
static int check_version(sqlite3 *db, const char *path, struct mw_err *err)
{
    int64_t application = mw_journal_number(db, path, "PRAGMA application_id", err);
    int64_t version =
        application < 0 ? -1 : mw_journal_number(db, path, "PRAGMA user_version", err);
    if (version < 0)
        return -1;
    if (application == MW_JOURNAL_APPLICATION && version == MW_JOURNAL_VERSION)
        return 0;
    if (application == MW_JOURNAL_APPLICATION && version >= 1 && version < MW_JOURNAL_VERSION)
        return upgrade(db, path, version, err);
    if (application == MW_JOURNAL_APPLICATION)
        mw_err_set(err,
                   "journal %s: of version %" PRId64 ", this moonwire writes version %d:"
                   " name another file in journal.path",
                   path, version, MW_JOURNAL_VERSION);
    else
        mw_err_set(err,
                   "journal %s: this is no journal of moonwire: name another file in"
                   " journal.path",
                   path);
    return -1;
}

/* A new file is made a journal, any other is checked. 1 and `why`: it is damaged. */
static int prepare(sqlite3 *db, const char *path, const struct found *found, char *why, size_t size,
                   struct mw_err *err)
{
    bool is_new = found->bytes <= 0 || is_blank(db);
    int failed = is_new ? make_tables(db, path, err) : check_version(db, path, err);
    if (!failed)
        failed = mw_journal_exec(db, path,
                                 MW_JOURNAL_VERSIONS
                                 "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                                 "PRAGMA journal_size_limit = 8388608; PRAGMA cache_size = -8192",
                                 err);
    if (failed && found->is_ours && is_damage(sqlite3_errcode(db))) {
        (void)snprintf(why, size, "%s", sqlite3_errmsg(db));
        return 1;
    }
    return failed ? -1 : check_after_crash(db, found, why, size);
}

static sqlite3 *open_once(const char *path, const struct found *found, char *why, size_t size,
                          struct mw_err *err)
{
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (make_file(path, err) < 0)
        return NULL;
    int result = -1;
    if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK) {
        (void)mw_journal_failed(db, path, err);
    } else {
        (void)sqlite3_busy_timeout(db, BUSY_MS); /* cannot fail for an open connection */
        result = prepare(db, path, found, why, size, err);
    }
    if (result == 0)
        return db;
    (void)sqlite3_close(db); /* has no statement: cannot be busy */
    return NULL;
}

sqlite3 *mw_journal_file_open(const char *path, bool is_again, struct mw_err *err)
{
    char why[256] = "", name[NAME_MAX_BYTES];
    struct mw_err notice = {""};
    if (strlen(path) + 64 > NAME_MAX_BYTES) {
        mw_err_set(err, "journal %.64s...: the path is too long", path);
        return NULL;
    }
    struct found found = look(path);
    if (is_again) {
        found.wal_bytes = 0; /* was left by ourselves */
        found.is_suspect = false;
    }
    if (!is_again && found.bytes == 0 && found.wal_bytes > 0)
        (void)snprintf(why, sizeof why, "it is empty, and what was to go into it stands beside it");
    sqlite3 *db = *why ? NULL : open_once(path, &found, why, sizeof why, err);
    if (!db && *why && !is_again) {
        if (move_aside(path, why, &notice) < 0) {
            *err = notice;
            return NULL;
        }
        found = look(path);
        db = open_once(path, &found, why, sizeof why, err);
    }
    if (db && found.is_suspect)
        (void)unlink(suspicion(name, path)); /* was looked at; stays where it cannot be removed */
    if (db && err)
        *err = notice;
    else if (*why && is_again) {
        mw_journal_suspect(path, SQLITE_CORRUPT);
        mw_err_set(err, "journal %s: %s", path, why);
    }
    return db;
}
