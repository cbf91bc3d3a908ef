#include "tasks/logs.h"

#include "base/memory.h"
#include "report/log_text.h"
#include "storage/append.h"
#include "storage/storage.h"

#include <string.h>
#include <time.h>

static const struct timespec pause = {.tv_nsec = 100000000};

/* All lines that are there. */
static enum tw_status pass_lines(const struct tw_logs_options *options, struct tw_follower *follower, bool *has_ended,
                                 struct tw_error *error)
{
    struct tw_span line;
    bool has_line = true;
    enum tw_status status = TW_OK;
    while (!status) {
        status = tw_follower_next(follower, &line, &has_line, error);
        if (status || !has_line)
            break;
        *has_ended = tw_log_line_is_end(line);
        status = options->line(options->context, line, error);
    }
    return status;
}

static enum tw_status open_log(const char *run, struct tw_follower **follower, struct tw_error *error)
{
    char *path = tw_uri_join(run, "log.jsonl");
    if (!path)
        return tw_fail_memory(error, strlen(run), "a path");
    enum tw_status status = tw_follower_open(path, follower, error);
    if (status == TW_NOT_FOUND)
        status = tw_fail(error, TW_NOT_FOUND, "%s is no run folder of `topwork train`: there is no %s", run, path);
    tw_free(path);
    return status;
}

enum tw_status tw_logs(const struct tw_logs_options *options, struct tw_error *error)
{
    struct tw_follower *follower = NULL;
    bool has_ended = false, has_writer = true;
    enum tw_status status = open_log(options->run, &follower, error);
    while (!status) {
        /* Asked before reading: what a run wrote before it ended is then surely read. */
        has_writer = tw_follower_has_writer(follower);
        status = pass_lines(options, follower, &has_ended, error);
        if (status || !options->follows || !has_writer)
            break;
        if (tw_is_stopped(options->sink))
            status = tw_fail(error, TW_INTERRUPTED, "no longer following %s", options->run);
        nanosleep(&pause, NULL);
    }
    if (!status && !has_writer && !has_ended)
        tw_log(options->sink, TW_LOG_WARNING, "%s was stopped before its end: the same command goes on with it",
               options->run);
    tw_follower_free(follower);
    return status;
}
