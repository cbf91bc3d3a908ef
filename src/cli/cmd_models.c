#include "cli/command.h"

#include "base/text.h"
#include "store/store.h"
#include "tasks/models.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct call {
    const struct tw_arguments *arguments;
    struct tw_console *console;
    const char *store, *name; /* operands; `name` NULL for list */
    struct tw_buffer *out;
};

static const char *operand(const struct call *call, size_t index)
{
    return index < call->arguments->operand_count ? call->arguments->operands[index] : NULL;
}

/* "2026-11-25 14:03" in UTC; "-" where it is not known. */
static void time_text(int64_t seconds, char text[32])
{
    time_t moment = (time_t)seconds;
    struct tm parts;
    if (!seconds || !gmtime_r(&moment, &parts) || !strftime(text, 32, "%Y-%m-%d %H:%M", &parts))
        strcpy(text, "-");
}

static uint64_t bytes_of(const struct tw_store_version *version)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < version->file_count; i++)
        sum += version->files[i].size_bytes;
    return sum;
}

/* ", canary (25 %)"; as snprintf counts. */
static size_t put_mark(char *text, size_t size, bool follows, const struct tw_store_label *label)
{
    char share[24] = "";
    if (label->share > 0)
        snprintf(share, sizeof share, " (%g %%)", label->share * 100);
    return (size_t)snprintf(text, size, "%s%s%s", follows ? ", " : "", label->name, share);
}

/* The labels that stand for a version, and "default", as "default, stable". */
static void marks_text(const struct tw_store_model *model, int64_t number, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "%s", model->default_number == number ? "default" : "");
    for (size_t i = 0; i < model->label_count && used < size; i++) {
        if (model->labels[i].number == number)
            used += put_mark(text + used, size - used, used > 0, &model->labels[i]);
    }
}

static json_t *json_of_version(const struct tw_store_model *model, const struct tw_store_version *version)
{
    json_t *labels = json_array(), *files = json_array();
    for (size_t i = 0; i < model->label_count; i++) {
        if (model->labels[i].number == version->number)
            json_array_append_new(labels, json_string(model->labels[i].name));
    }
    for (size_t i = 0; i < version->file_count; i++) {
        char hex[TW_DIGEST_HEX];
        tw_digest_hex(&version->files[i].digest, hex);
        json_array_append_new(files, json_pack("{s:s, s:I, s:s}", "name", version->files[i].name, "size_bytes",
                                               (json_int_t)version->files[i].size_bytes, "sha256", hex));
    }
    return json_pack("{s:I, s:s?, s:s, s:I, s:b, s:o, s:o}", "version", (json_int_t)version->number, "name",
                     version->name, "description", version->description, "created_s", (json_int_t)version->created_s,
                     "default", model->default_number == version->number, "labels", labels, "files", files);
}

/* Takes the object over. */
static enum tw_status put_object(json_t *object, struct tw_buffer *out, struct tw_error *error)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    enum tw_status status = text ? tw_buffer_printf(out, error, "%s\n", text) : tw_fail_memory(error, 1, "JSON");
    free(text);
    return status;
}

static enum tw_status put_cells(struct tw_table *table, const char *const *cells, size_t count, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < count && status == TW_OK; i++)
        status = tw_table_cell(table, error, "%s", cells[i]);
    return status;
}

static enum tw_status put_versions(const struct tw_store_model *model, struct tw_buffer *out, struct tw_error *error)
{
    static const char *const heads[] = {"VERSION", "NAME", "MB", "CREATED (UTC)", "STANDS FOR", "DESCRIPTION"};
    struct tw_table table = {.column_count = 6, .right_aligned = 5};
    enum tw_status status = put_cells(&table, heads, 6, error);
    for (size_t i = 0; i < model->version_count && status == TW_OK; i++) {
        const struct tw_store_version *version = &model->versions[i];
        char number[24], size[24] = "-", created[32], marks[200], description[120];
        snprintf(number, sizeof number, "%lld", (long long)version->number);
        if (!version->is_foreign)
            snprintf(size, sizeof size, "%.1f", (double)bytes_of(version) * 1e-6);
        time_text(version->created_s, created);
        marks_text(model, version->number, marks, sizeof marks);
        tw_printable(version->is_foreign ? "TensorFlow Serving's" : version->description, description,
                     sizeof description);
        const char *const cells[] = {number, version->name ? version->name : "-", size, created, marks, description};
        status = put_cells(&table, cells, 6, error);
    }
    if (status == TW_OK)
        status = tw_table_print(&table, out, error);
    tw_table_release(&table);
    return status;
}

static enum tw_status list(const struct call *call, struct tw_error *error)
{
    struct tw_listing names = {0};
    struct tw_table table = {.column_count = 4, .right_aligned = 6};
    static const char *const heads[] = {"MODEL", "VERSIONS", "DEFAULT", "DESCRIPTION"};
    enum tw_status status = tw_store_list(call->store, &names, error);
    if (status == TW_OK)
        status = put_cells(&table, heads, 4, error);
    for (size_t i = 0; i < names.count && status == TW_OK; i++) {
        struct tw_store_model model = {0};
        char count[24], number[24], description[120];
        status = tw_store_read(call->store, names.entries[i].name, &model, error);
        if (status == TW_OK && call->console->is_json) {
            status = put_object(json_pack("{s:s, s:s, s:I, s:I}", "name", model.name, "description", model.description,
                                          "versions", (json_int_t)model.version_count, "default",
                                          (json_int_t)model.default_number),
                                call->out, error);
        } else if (status == TW_OK) {
            snprintf(count, sizeof count, "%zu", model.version_count);
            snprintf(number, sizeof number, "%lld", (long long)model.default_number);
            tw_printable(model.description, description, sizeof description);
            const char *const cells[] = {model.name, count, model.version_count ? number : "-", description};
            status = put_cells(&table, cells, 4, error);
        }
        tw_store_model_release(&model);
    }
    if (status == TW_OK && !call->console->is_json)
        status = names.count
                     ? tw_table_print(&table, call->out, error)
                     : tw_buffer_printf(call->out, error, "no model yet: topwork models create %s NAME\n", call->store);
    tw_table_release(&table);
    tw_listing_release(&names);
    return status;
}

static enum tw_status describe(const struct call *call, struct tw_error *error)
{
    struct tw_store_model model = {0};
    char created[32], description[400];
    enum tw_status status = tw_store_read(call->store, call->name, &model, error);
    if (status == TW_OK && call->console->is_json) {
        json_t *versions = json_array();
        for (size_t i = 0; i < model.version_count; i++)
            json_array_append_new(versions, json_of_version(&model, &model.versions[i]));
        status = put_object(json_pack("{s:s, s:s, s:I, s:I, s:o}", "name", model.name, "description", model.description,
                                      "created_s", (json_int_t)model.created_s, "default",
                                      (json_int_t)model.default_number, "versions", versions),
                            call->out, error);
    } else if (status == TW_OK) {
        time_text(model.created_s, created);
        tw_printable(model.description, description, sizeof description);
        status = tw_buffer_printf(call->out, error, "%s%s%s, created %s\n", model.name, *description ? ": " : "",
                                  description, created);
        if (status == TW_OK)
            status = model.version_count ? put_versions(&model, call->out, error)
                                         : tw_buffer_printf(call->out, error, "no version yet\n");
    }
    tw_store_model_release(&model);
    return status;
}

static enum tw_status versions(const struct call *call, struct tw_error *error)
{
    struct tw_store_model model = {0};
    enum tw_status status = tw_store_read(call->store, call->name, &model, error);
    for (size_t i = 0; i < model.version_count && status == TW_OK && call->console->is_json; i++)
        status = put_object(json_of_version(&model, &model.versions[i]), call->out, error);
    if (status == TW_OK && !call->console->is_json)
        status = put_versions(&model, call->out, error);
    tw_store_model_release(&model);
    return status;
}

static enum tw_status create(const struct call *call, struct tw_error *error)
{
    enum tw_status status =
        tw_store_create(call->store, call->name, tw_text(call->arguments, TW_OPTION_DESCRIPTION, ""), error);
    return status != TW_OK || call->console->is_json
               ? status
               : tw_buffer_printf(call->out, error, "model %s: topwork models add-version %s %s RUN\n", call->name,
                                  call->store, call->name);
}

static enum tw_status add_version(const struct call *call, struct tw_error *error)
{
    int64_t number = 0;
    struct tw_models_add_options options = {.store = call->store,
                                            .name = call->name,
                                            .model = operand(call, 3),
                                            .version_name = tw_text(call->arguments, TW_OPTION_NAME, NULL),
                                            .version_description =
                                                tw_text(call->arguments, TW_OPTION_DESCRIPTION, NULL)};
    enum tw_status status = tw_console_task(call->arguments, call->console, &options.task, error);
    if (status == TW_OK)
        status = tw_models_add(&options, &number, error);
    if (status != TW_OK)
        return status;
    return call->console->is_json
               ? put_object(json_pack("{s:s, s:I}", "name", call->name, "version", (json_int_t)number), call->out,
                            error)
               : tw_buffer_printf(call->out, error, "version %lld of model %s is in %s\n", (long long)number,
                                  call->name, call->store);
}

/* A version as people name it, to its number. */
static enum tw_status find(const struct call *call, const char *version, int64_t *number, struct tw_error *error)
{
    struct tw_store_model model = {0};
    const struct tw_store_version *found = NULL;
    enum tw_status status = tw_store_read(call->store, call->name, &model, error);
    if (status == TW_OK)
        status = tw_store_find(&model, version, &found, error);
    if (status == TW_OK)
        *number = found->number;
    tw_store_model_release(&model);
    return status;
}

static enum tw_status set_default(const struct call *call, struct tw_error *error)
{
    int64_t number = 0;
    enum tw_status status = find(call, operand(call, 3), &number, error);
    return status != TW_OK ? status : tw_store_set_default(call->store, call->name, number, error);
}

static enum tw_status set_label(const struct call *call, struct tw_error *error)
{
    int64_t number = 0;
    bool goes = strcmp(operand(call, 4), "-") == 0;
    enum tw_status status = goes ? TW_OK : find(call, operand(call, 4), &number, error);
    const struct tw_store_label label = {(char *)operand(call, 3), number,
                                         tw_number(call->arguments, TW_OPTION_SHARE, 0)};
    return status != TW_OK ? status : tw_store_set_label(call->store, call->name, &label, error);
}

static enum tw_status delete (const struct call *call, struct tw_error *error) {
    int64_t number = 0; if (operand(call, 3) == NULL) return tw_store_delete(call->store, call->name, error);
    enum tw_status status = find(call, operand(call, 3), &number, error);
    return status != TW_OK ? status : tw_store_delete_version(call->store, call->name, number, error);
}

static const struct verb {
    const char *name;
    size_t least, most; /* operands, the verb among them */
    const char *usage;
    enum tw_status (*run)(const struct call *call, struct tw_error *error);
} verbs[] = {
    {"create", 3, 3, "create STORE NAME", create},
    {"add-version", 4, 4, "add-version STORE NAME MODEL", add_version},
    {"list", 2, 2, "list STORE", list},
    {"describe", 3, 3, "describe STORE NAME", describe},
    {"versions", 3, 3, "versions STORE NAME", versions},
    {"set-default", 4, 4, "set-default STORE NAME VERSION", set_default},
    {"label", 5, 5, "label STORE NAME LABEL VERSION", set_label},
    {"delete", 3, 4, "delete STORE NAME [VERSION]", delete},
};

static enum tw_status find_verb(const struct tw_arguments *arguments, const struct verb **found, struct tw_error *error)
{
    const char *wanted = arguments->operands[0], *nearest = NULL;
    size_t least = 4;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        size_t distance = tw_edit_distance(wanted, verbs[i].name);
        if (distance < least)
            least = distance, nearest = verbs[i].name;
        if (distance == 0)
            *found = &verbs[i];
    }
    if (least != 0) {
        char shown[100];
        tw_printable(wanted, shown, sizeof shown);
        return nearest ? tw_fail(error, TW_INVALID, "there is no models %s: did you mean %s?", shown, nearest)
                       : tw_fail(error, TW_INVALID, "there is no models %s: `topwork help models` lists what there is",
                                 shown);
    }
    if (arguments->operand_count < (*found)->least || arguments->operand_count > (*found)->most)
        return tw_fail(error, TW_INVALID, "it is: topwork models %s", (*found)->usage);
    return TW_OK;
}

enum tw_exit tw_command_models(const struct tw_arguments *arguments, struct tw_console *console)
{
    struct tw_error error = {0};
    struct tw_buffer out = {0};
    const struct verb *verb = NULL;
    enum tw_status status = find_verb(arguments, &verb, &error);
    const struct call call = {.arguments = arguments,
                              .console = console,
                              .store = arguments->operands[1],
                              .name = arguments->operand_count > 2 ? arguments->operands[2] : NULL,
                              .out = &out};
    if (status == TW_OK)
        status = verb->run(&call, &error);
    enum tw_exit code = status == TW_OK ? tw_console_print(console, &out) : tw_console_fail(console, &error);
    tw_buffer_release(&out);
    return code;
}
