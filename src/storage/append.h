/* A file that others read while it grows, such as a log. What was written is there for them at once and survives the death
 * of the writer (not a loss of power); a torn end is the reader's to pass over. Files only. */
#ifndef TW_STORAGE_APPEND_H
#define TW_STORAGE_APPEND_H

#include "base/bytes.h"

struct tw_appender;
/* Makes the file where it is missing and goes on at its end. One appender at a time: while another process holds one,
 * TW_CONFLICT. All other failures are the system's (TW_IO). */
enum tw_status tw_appender_open(const char *uri, struct tw_appender **appender, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_appender_write(struct tw_appender *appender, struct tw_span bytes,
                                 struct tw_error *error) TW_MUST_USE;
/* Cuts the file to its first `size` bytes. */
enum tw_status tw_appender_cut(struct tw_appender *appender, uint64_t size, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_appender_close(struct tw_appender *appender, struct tw_error *error) TW_MUST_USE; /* NULL is fine */

/* Follows such a file from its beginning. */
struct tw_follower;
enum tw_status tw_follower_open(const char *uri, struct tw_follower **follower, struct tw_error *error) TW_MUST_USE;
/* The next whole line without its end, borrowed until the next call; *has_line false: none for now. Where the file was
 * cut shorter than what was read, it goes on at the new end. */
enum tw_status tw_follower_next(struct tw_follower *follower, struct tw_span *line, bool *has_line,
                                struct tw_error *error) TW_MUST_USE;
/* Whether an appender of another process is open. */
bool tw_follower_has_writer(const struct tw_follower *follower);
void tw_follower_free(struct tw_follower *follower); /* NULL is fine */

#endif
