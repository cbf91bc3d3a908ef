#include "cli/console.h"

#include "base/clock.h"
#include "base/cpus.h"
#include "base/text.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Set by SIGINT and SIGTERM, asked by tasks. */
static volatile sig_atomic_t stop_requested;

static void request_stop(int signal_number)
{
    (void)signal_number;
    stop_requested = 1;
}

static int is_stopped(void *context)
{
    (void)context;
    return stop_requested;
}

enum tw_exit tw_exit_of(enum tw_status status)
{
    switch (status) {
    case TW_OK:
        return TW_EXIT_DONE;
    case TW_INVALID:
        return TW_EXIT_USAGE;
    case TW_IO:
    case TW_NO_MEMORY:
        return TW_EXIT_SYSTEM;
    case TW_INTERRUPTED:
        return TW_EXIT_INTERRUPTED;
    case TW_CORRUPT:
    case TW_UNSUPPORTED:
    case TW_LIMIT:
    case TW_NOT_FOUND:
    case TW_DENIED:
    case TW_CONFLICT:
        return TW_EXIT_UNUSABLE;
    }
    return TW_EXIT_SYSTEM;
}

void tw_console_settle(struct tw_console *console)
{
    if (console->has_line)
        fputs("\n", stderr);
    console->has_line = false;
}

static void show_log(void *context, enum tw_log_level level, const char *text)
{
    struct tw_console *console = context;
    bool is_shown = level == TW_LOG_DEBUG ? console->is_verbose : !console->is_quiet;
    if (!is_shown)
        return;
    char shown[TW_ERROR_SIZE * 4]; /* a photo's name must not move the cursor */
    tw_printable(text, shown, sizeof shown);
    tw_console_settle(console);
    fprintf(stderr, "topwork: %s%s\n", level == TW_LOG_WARNING ? "warning: " : "", shown);
}

static void format_seconds(double seconds, char *out, size_t size)
{
    long whole = (long)(seconds + 0.5);
    if (whole >= 3600)
        snprintf(out, size, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(out, size, "%ld:%02ld", whole / 60, whole % 60);
}

static void show_progress(void *context, const struct tw_progress *progress)
{
    struct tw_console *console = context;
    double time = tw_clock_seconds();
    if (console->stage != progress->stage) {
        tw_console_settle(console);
        console->stage = progress->stage;
        console->stage_start = time;
        console->last_shown = 0;
    }
    bool is_last = progress->done == progress->total;
    double interval = console->is_animated ? 0.1 : 10;
    if (!is_last && time - console->last_shown < interval)
        return;
    console->last_shown = time;
    double spent = time - console->stage_start, rate = spent > 0 ? (double)progress->done / spent : 0;
    char left[32] = "-", skipped[48] = "";
    if (rate > 0)
        format_seconds((double)(progress->total - progress->done) / rate, left, sizeof left);
    if (progress->skipped)
        snprintf(skipped, sizeof skipped, ", %llu skipped", (unsigned long long)progress->skipped);
    fprintf(stderr, "%s%s: %llu/%llu %s, %.1f/s, %s left%s", console->is_animated ? "\r\033[K" : "", progress->stage,
            (unsigned long long)progress->done, (unsigned long long)progress->total, progress->unit, rate, left,
            skipped);
    console->has_line = console->is_animated && !is_last;
    if (!console->has_line)
        fputs("\n", stderr);
    fflush(stderr);
}

void tw_console_init(struct tw_console *console, const struct tw_arguments *arguments)
{
    const char *progress = tw_text(arguments, TW_OPTION_PROGRESS, "auto");
    bool is_terminal = isatty(STDERR_FILENO);
    *console = (struct tw_console){
        .is_quiet = tw_has(arguments, TW_OPTION_QUIET),
        .is_verbose = tw_has(arguments, TW_OPTION_VERBOSE),
        .is_json = tw_has(arguments, TW_OPTION_JSON),
        .is_animated = is_terminal,
        .sink = {.context = console, .log = show_log, .is_stopped = is_stopped},
    };
    console->shows_progress =
        strcmp(progress, "always") == 0 || (strcmp(progress, "auto") == 0 && is_terminal && !console->is_quiet);
    if (console->shows_progress)
        console->sink.progress = show_progress;
    const struct sigaction action = {.sa_handler = request_stop, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe and a limit on file sizes are answers to a write, not the end */
    signal(SIGXFSZ, SIG_IGN);
}

enum tw_exit tw_console_fail(struct tw_console *console, const struct tw_error *error)
{
    char text[TW_ERROR_SIZE + 256];
    tw_console_settle(console);
    tw_printable(error->text, text, sizeof text);
    fprintf(stderr, "topwork: %s\n", text);
    return tw_exit_of(error->status);
}

enum tw_exit tw_console_print(struct tw_console *console, const struct tw_buffer *text)
{
    tw_console_settle(console);
    bool is_written = text->size == 0 || fwrite(text->data, 1, text->size, stdout) == text->size;
    if (is_written && fflush(stdout) == 0)
        return TW_EXIT_DONE;
    if (errno == EPIPE) /* the reader has seen enough, as of `| head` */
        return TW_EXIT_SYSTEM;
    struct tw_error error = {0};
    enum tw_status status = tw_fail(&error, TW_IO, "cannot write to standard output: %s", strerror(errno));
    (void)status;
    return tw_console_fail(console, &error);
}

enum tw_exit tw_exit_of_skips(const struct tw_arguments *arguments, size_t skipped)
{
    return skipped && !tw_has(arguments, TW_OPTION_ALLOW_SKIPS) ? TW_EXIT_SKIPPED : TW_EXIT_DONE;
}

enum tw_status tw_console_task(const struct tw_arguments *arguments, struct tw_console *console,
                               struct tw_task_options *task, struct tw_error *error)
{
    static const char *const tunes[] = {[TW_TUNE_OFF] = "off", [TW_TUNE_QUICK] = "quick", [TW_TUNE_FULL] = "full"};
    const char *tune_name = tw_text(arguments, TW_OPTION_TUNE, NULL),
               *isa = tw_text(arguments, TW_OPTION_MAX_ISA, NULL);
    enum tw_status status = isa ? tw_engine_limit_isa(isa, error) : TW_OK;
    if (status)
        return status;
    enum tw_tune tune = TW_TUNE_FILE;
    if (tune_name)
        for (tune = TW_TUNE_OFF; strcmp(tunes[tune], tune_name) != 0;)
            tune++;
    enum tw_precision precision = TW_PRECISION_F32;
    const char *name = tw_text(arguments, TW_OPTION_PRECISION, tw_precision_name(precision));
    while (precision < TW_PRECISION_AUTO && strcmp(name, tw_precision_name(precision)) != 0)
        precision++;
    struct tw_image_limits limits = tw_image_limits_default;
    limits.max_pixels = tw_integer(arguments, TW_OPTION_MAX_PIXELS, limits.max_pixels);
    limits.max_bytes = (size_t)tw_integer(arguments, TW_OPTION_MAX_BYTES, (int64_t)limits.max_bytes);
    *task = (struct tw_task_options){
        .backbone = tw_text(arguments, TW_OPTION_BACKBONE, NULL),
        .layer = tw_text(arguments, TW_OPTION_LAYER, NULL),
        .policy = tw_text(arguments, TW_OPTION_POLICY, NULL),
        .corrections = tw_text(arguments, TW_OPTION_CORRECTIONS, NULL),
        .ignores_exif = tw_has(arguments, TW_OPTION_IGNORE_EXIF),
        .decodes_fast = tw_has(arguments, TW_OPTION_FAST_DECODE),
        .uses_cache = !tw_has(arguments, TW_OPTION_NO_CACHE),
        .precision = precision,
        .names_precision = tw_text(arguments, TW_OPTION_PRECISION, NULL) != NULL,
        .tune = tune,
        .threads = (int)tw_integer(arguments, TW_OPTION_THREADS, tw_cpu_count()),
        .limits = limits,
        .sink = &console->sink,
    };
    return TW_OK;
}

enum tw_status tw_console_read(size_t max_bytes, struct tw_buffer *bytes, struct tw_error *error)
{
    char block[65536];
    size_t size;
    enum tw_status status = TW_OK;
    while ((size = fread(block, 1, sizeof block, stdin)) > 0 && status == TW_OK) {
        if (bytes->size + size > max_bytes)
            return tw_fail(error, TW_LIMIT, "standard input holds more than the limit of %zu bytes", max_bytes);
        status = tw_buffer_append(bytes, block, size, error);
    }
    return status == TW_OK && ferror(stdin) ? tw_fail(error, TW_IO, "cannot read standard input") : status;
}
