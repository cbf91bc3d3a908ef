#include "cli/cluster.h"

#include "base/text.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static bool is_chief(const char *type)
{
    return strcmp(type, "chief") == 0 || strcmp(type, "master") == 0;
}

/* The index stands as a number, or as text in older scripts. */
static bool read_index(const json_t *task, int64_t *index)
{
    const json_t *value = json_object_get(task, "index");
    *index = 0;
    if (json_is_string(value))
        return tw_parse_int64(json_string_value(value), 0, INT32_MAX, index);
    if (value != NULL && !json_is_integer(value))
        return false;
    *index = json_integer_value(value);
    return *index >= 0;
}

static enum tw_status read_task(const json_t *root, bool *trains, char role[TW_ROLE_BYTES], struct tw_error *error)
{
    const json_t *task = json_object_get(root, "task"), *cluster = json_object_get(root, "cluster");
    if (!json_is_object(root))
        return tw_fail(error, TW_INVALID, "TF_CONFIG is no JSON object");
    if (task == NULL || (json_is_object(task) && json_object_size(task) == 0))
        return TW_OK;
    const char *type = json_string_value(json_object_get(task, "type"));
    int64_t index;
    if (type == NULL || *type == 0)
        return tw_fail(error, TW_INVALID, "TF_CONFIG has a task without a type");
    if (!read_index(task, &index))
        return tw_fail(error, TW_INVALID, "TF_CONFIG has a task whose index is no number from 0");
    char shown[40];
    tw_printable(type, shown, sizeof shown);
    snprintf(role, TW_ROLE_BYTES, "%s %lld", shown, (long long)index);
    bool has_chief = json_object_get(cluster, "chief") != NULL || json_object_get(cluster, "master") != NULL;
    *trains = is_chief(type) || (strcmp(type, "worker") == 0 && index == 0 && !has_chief);
    return TW_OK;
}

enum tw_status tw_cluster_role(const char *text, bool *trains, char role[TW_ROLE_BYTES], struct tw_error *error)
{
    *trains = true;
    *role = 0;
    if (text == NULL || *text == 0)
        return TW_OK;
    json_t *root = json_loads(text, 0, NULL);
    enum tw_status status = read_task(root, trains, role, error);
    json_decref(root);
    return status;
}
