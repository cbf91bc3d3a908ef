/* What leaves the program for people: results on standard output, progress and warnings on standard error, exit codes. */
#ifndef TW_CLI_CONSOLE_H
#define TW_CLI_CONSOLE_H

#include "base/bytes.h"
#include "base/log.h"
#include "cli/arguments.h"
#include "tasks/options.h"

enum tw_exit {
    TW_EXIT_DONE = 0, /* every input used */
    TW_EXIT_NO = 1,   /* done, and the answer is no */
    TW_EXIT_USAGE = 2,
    TW_EXIT_SKIPPED = 3,  /* done, some inputs were skipped */
    TW_EXIT_UNUSABLE = 4, /* an input is unusable */
    TW_EXIT_SYSTEM = 5,   /* disk, memory, network */
    TW_EXIT_INTERRUPTED = 130,
};
enum tw_exit tw_exit_of(enum tw_status status);

struct tw_console {
    bool is_quiet, is_verbose, is_json, shows_progress, is_animated;
    struct tw_sink sink;
    const char *stage; /* of the progress line that stands */
    double stage_start, last_shown;
    bool has_line; /* an unfinished progress line is on the terminal */
};
void tw_console_init(struct tw_console *console, const struct tw_arguments *arguments);
/* Ends an unfinished progress line. */
void tw_console_settle(struct tw_console *console);
/* "topwork: SENTENCE" on standard error; returns the exit code that fits. */
enum tw_exit tw_console_fail(struct tw_console *console, const struct tw_error *error);
/* Writes all of it to standard output; a failing write (disk full, closed pipe) is TW_EXIT_SYSTEM. */
enum tw_exit tw_console_print(struct tw_console *console, const struct tw_buffer *text);
/* All of standard input as one photo's bytes. */
enum tw_status tw_console_read(size_t max_bytes, struct tw_buffer *bytes, struct tw_error *error) TW_MUST_USE;
/* TW_EXIT_SKIPPED, or TW_EXIT_DONE where nothing was skipped or --allow-skips is given. */
enum tw_exit tw_exit_of_skips(const struct tw_arguments *arguments, size_t skipped);
/* The shared options of tasks from the command line. */
enum tw_status tw_console_task(const struct tw_arguments *arguments, struct tw_console *console,
                               struct tw_task_options *task, struct tw_error *error) TW_MUST_USE;

/* Rows of cells, aligned by display width; numeric columns to the right. Appends. */
struct tw_table {
    struct tw_buffer cells; /* zero-ended texts */
    size_t column_count, cell_count;
    uint64_t right_aligned; /* bit i: column i */
};
enum tw_status tw_table_cell(struct tw_table *table, struct tw_error *error, const char *format, ...) TW_PRINTF(3, 4);
enum tw_status tw_table_print(const struct tw_table *table, struct tw_buffer *out, struct tw_error *error) TW_MUST_USE;
void tw_table_release(struct tw_table *table);

#endif
