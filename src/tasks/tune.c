#include "tasks/tune.h"

#include "base/memory.h"
#include "storage/storage.h"
#include "tasks/cache.h"
#include "tasks/runner.h"

#include <string.h>

enum { MOST_BYTES = 4 << 20 };
static const char mark[] = "topwork tuning 1\n", digest_word[] = "sha256 ";

/* What a tune file begins with on this machine. Owned. */
static char *header(void)
{
    return tw_format("%scpu %s\nengine %s\n", mark, tw_engine_cpu(), tw_engine_build());
}

char *tw_tune_file(void)
{
    char hex[TW_DIGEST_HEX], *folder = tw_cache_folder(), *begin = header(), *path = NULL;
    struct tw_digest digest;
    if (folder && begin && !tw_digest_of(tw_span_of_text(begin), &digest, NULL)) {
        tw_digest_hex(&digest, hex);
        path = tw_format("%s/tuning-%.16s.txt", folder, hex);
    }
    tw_free(folder);
    tw_free(begin);
    return path;
}

/* The rows between the header and the digest; false: it is none of this machine's, `why` says it. */
static bool find_rows(struct tw_span file, const char *begin, struct tw_span *rows, const char **why)
{
    const size_t digest_size = strlen(digest_word) + TW_DIGEST_HEX, begin_size = strlen(begin);
    struct tw_digest is, should;
    char hex[TW_DIGEST_HEX] = "";
    if (!tw_span_starts(file, mark, strlen(mark))) {
        *why = "it is no tune file of this version";
        return false;
    }
    *why = "it is damaged";
    if (file.size < strlen(mark) + digest_size)
        return false;
    struct tw_span text = tw_span_of(file.data, file.size - digest_size);
    const char *last = (const char *)text.data + text.size;
    memcpy(hex, last + strlen(digest_word), TW_DIGEST_HEX - 1);
    if (memcmp(last, digest_word, strlen(digest_word)) != 0 || !tw_digest_parse(hex, &should) ||
        tw_digest_of(text, &is, NULL) || !tw_digest_equal(&is, &should))
        return false;
    *why = "it is of another CPU or another build";
    if (!tw_span_starts(text, begin, begin_size))
        return false;
    *rows = tw_span_of(text.data + begin_size, text.size - begin_size);
    return true;
}

/* Whether the bytes are this machine's and their rows are rows, which go into `choices`; else `error` says why not. */
static enum tw_status take_rows(struct tw_span file, struct tw_choices *choices, struct tw_error *error)
{
    const char *why;
    struct tw_span rows = {0};
    char *begin = header();
    enum tw_status status = TW_OK;
    if (begin == NULL)
        status = tw_fail_memory(error, 1, "a tune file");
    else if (!find_rows(file, begin, &rows, &why))
        status = tw_fail(error, TW_CORRUPT, "%s", why);
    else
        status = tw_choices_read(choices, rows, error);
    tw_free(begin);
    return status;
}

/* A new table of a file's rows; of none where it is not there, or warns that it is not to be used. */
static enum tw_status read_file(const char *path, const struct tw_sink *sink, struct tw_choices **choices,
                                struct tw_error *error)
{
    struct tw_buffer bytes = {0};
    struct tw_error unread = {0};
    enum tw_status status = tw_choices_new(choices, error);
    if (status)
        return status;
    status = tw_storage_read(path, MOST_BYTES, &bytes, &unread);
    bool is_there = status != TW_NOT_FOUND;
    if (!status)
        status = take_rows(tw_buffer_span(&bytes), *choices, &unread);
    tw_buffer_release(&bytes);
    if (!status)
        return TW_OK;
    if (is_there)
        tw_log(sink, TW_LOG_WARNING, "tune file %s is passed over, the fixed rules hold: %s", path, unread.text);
    tw_choices_free(*choices);
    *choices = NULL;
    return tw_choices_new(choices, error);
}

static enum tw_status make_folder_of(const char *path, struct tw_error *error)
{
    const char *name = strrchr(path, '/');
    char *folder = tw_strndup(path, name ? (size_t)(name - path) : 0);
    if (!folder)
        return tw_fail_memory(error, strlen(path), "a path");
    enum tw_status status = *folder ? tw_storage_make_folders(folder, error) : TW_OK;
    tw_free(folder);
    return status;
}

static enum tw_status write_file(const char *path, const struct tw_choices *choices, struct tw_error *error)
{
    struct tw_buffer text = {0};
    struct tw_digest digest;
    char hex[TW_DIGEST_HEX], *begin = header();
    enum tw_status status =
        begin ? tw_buffer_append_text(&text, begin, error) : tw_fail_memory(error, 1, "a tune file");
    if (!status)
        status = tw_choices_write(choices, &text, error);
    if (!status)
        status = tw_digest_of(tw_buffer_span(&text), &digest, error);
    if (!status) {
        tw_digest_hex(&digest, hex);
        status = tw_buffer_printf(&text, error, "%s%s\n", digest_word, hex);
    }
    if (!status)
        status = make_folder_of(path, error);
    if (!status)
        status = tw_storage_write(path, tw_buffer_span(&text), error);
    tw_buffer_release(&text);
    tw_free(begin);
    return status;
}

/* The graph with its input's sizes, as it will be compiled. */
static enum tw_status shape(const struct tw_tune_network *network, struct tw_graph **shaped, struct tw_error *error)
{
    enum tw_status status = tw_graph_clone(network->graph, shaped, error);
    if (!status && network->policy)
        tw_runner_shape_input(*shaped, network->policy);
    return status;
}

static enum tw_status try_algorithms(const struct tw_task_options *options, const struct tw_tune_network *network,
                                     struct tw_choices *choices, struct tw_tuning_report *report,
                                     struct tw_error *error)
{
    struct tw_tuning tuning = options->tune == TW_TUNE_QUICK ? tw_tuning_quick : tw_tuning_full;
    struct tw_plan_options plan = tw_plan_options_default;
    struct tw_graph *shaped = NULL;
    bool is_auto = network->precision == TW_PRECISION_AUTO;
    tuning.sink = options->sink;
    plan.precision = is_auto ? TW_PRECISION_F32 : network->precision;
    enum tw_status status = shape(network, &shaped, error);
    if (!status)
        status = tw_choices_tune(choices, shaped, &plan, &tuning, report, error);
    plan.precision = TW_PRECISION_BF16;
    if (!status && is_auto && tw_engine_precision(plan.precision) == plan.precision)
        status = tw_choices_tune(choices, shaped, &plan, &tuning, report, error);
    tw_graph_free(shaped);
    return status;
}

/* The network's rows of a table. */
static enum tw_status cut(const struct tw_choices *choices, const struct tw_tune_network *network,
                          struct tw_choices **rows, size_t *missing, struct tw_error *error)
{
    struct tw_plan_options plan = tw_plan_options_default;
    struct tw_graph *shaped = NULL;
    plan.precision = network->precision == TW_PRECISION_AUTO ? TW_PRECISION_BF16 : network->precision;
    enum tw_status status = shape(network, &shaped, error);
    if (!status)
        status = tw_choices_cut(choices, shaped, &plan, rows, missing, error);
    tw_graph_free(shaped);
    return status;
}

static enum tw_status tune(const struct tw_task_options *options, const struct tw_tune_network *network,
                           const char *path, struct tw_choices *choices, struct tw_error *error)
{
    struct tw_tuning_report report = {0};
    struct tw_choices *known = NULL;
    struct tw_error unwritten = {0};
    size_t missing = 1;
    enum tw_status status = TW_OK;
    if (options->tune == TW_TUNE_QUICK)
        status = cut(choices, network, &known, &missing, error);
    tw_choices_free(known);
    if (status || missing == 0)
        return status;
    status = try_algorithms(options, network, choices, &report, error);
    if (!status && path && write_file(path, choices, &unwritten))
        tw_log(options->sink, TW_LOG_WARNING, "%s: what the trials found is not kept", unwritten.text);
    tw_tuning_report_release(&report);
    return status;
}

enum tw_status tw_tune_open(const struct tw_task_options *options, const struct tw_tune_network *network,
                            struct tw_choices **choices, struct tw_error *error)
{
    struct tw_choices *made = NULL;
    char *path = options->tune == TW_TUNE_OFF ? NULL : tw_tune_file();
    enum tw_status status = path ? read_file(path, options->sink, &made, error) : tw_choices_new(&made, error);
    if (!status && (options->tune == TW_TUNE_QUICK || options->tune == TW_TUNE_FULL))
        status = tune(options, network, path, made, error);
    tw_free(path);
    if (status)
        tw_choices_free(made);
    else
        *choices = made;
    return status;
}

enum tw_status tw_tune_run(const struct tw_task_options *options, const struct tw_tune_network *network,
                           const char *file, struct tw_tuning_report *report, struct tw_error *error)
{
    struct tw_choices *choices = NULL;
    char *path = file ? tw_strdup(file) : tw_tune_file();
    enum tw_status status =
        path ? read_file(path, options->sink, &choices, error)
             : tw_fail(error, TW_INVALID, "there is no cache folder for a tune file: name a file with -o");
    if (!status)
        status = try_algorithms(options, network, choices, report, error);
    if (!status)
        status = write_file(path, choices, error);
    tw_choices_free(choices);
    tw_free(path);
    return status;
}

static enum tw_status choose(struct tw_backbone *backbone, const struct tw_task_options *options,
                             struct tw_choices **choices, struct tw_error *error)
{
    const struct tw_tune_network network = {backbone->graph, &backbone->policy, backbone->precision};
    struct tw_choices *all = NULL;
    size_t missing;
    enum tw_status status = tw_tune_open(options, &network, &all, error);
    if (!status)
        status = cut(all, &network, choices, &missing, error);
    tw_choices_free(all);
    if (!status && tw_choices_count(*choices) > 0)
        tw_log(options->sink, TW_LOG_INFO,
               "kernels: %zu shapes of convolutions as trials on this CPU chose, the rest by the fixed rules",
               tw_choices_count(*choices));
    return status;
}

static enum tw_status keep(const struct tw_output *output, const struct tw_sink *sink, struct tw_choices **choices,
                           struct tw_error *error)
{
    enum tw_status status = tw_choices_new(choices, error);
    if (!status)
        status = tw_choices_read(*choices, tw_span_of_text(output->choices), error);
    if (status)
        return tw_fail_within(error, status, "output folder %s", output->folder);
    if (tw_choices_count(*choices) > 0)
        tw_log(sink, TW_LOG_INFO, "kernels: those that %s was begun with, %zu shapes of convolutions by trial",
               output->folder, tw_choices_count(*choices));
    return TW_OK;
}

enum tw_status tw_backbone_choose_kernels(struct tw_backbone *backbone, const struct tw_task_options *options,
                                          struct tw_output *output, struct tw_error *error)
{
    struct tw_choices *choices = NULL;
    bool is_kept = output && output->choices;
    enum tw_status status =
        is_kept ? keep(output, options->sink, &choices, error) : choose(backbone, options, &choices, error);
    if (status) {
        tw_choices_free(choices);
        return status;
    }
    tw_choices_free(backbone->choices);
    backbone->choices = choices;
    char *text = output && !is_kept ? tw_backbone_kernels(backbone) : NULL;
    if (output && !is_kept)
        status = text ? tw_output_note(output, text, error) : tw_fail_memory(error, 1, "a choice table");
    tw_free(text);
    return status;
}

char *tw_backbone_kernels(const struct tw_backbone *backbone)
{
    struct tw_buffer text = {0};
    bool is_written = !backbone->choices || !tw_choices_write(backbone->choices, &text, NULL);
    char *copy = is_written ? tw_strndup(text.size ? (const char *)text.data : "", text.size) : NULL;
    tw_buffer_release(&text);
    return copy;
}
