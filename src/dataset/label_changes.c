#include "dataset/label_changes.h"

#include "base/memory.h"
#include "base/text.h"
#include "dataset/internal.h"

#include <string.h>

/* What becomes of each old class. */
struct plan {
    const struct tw_labels *old;
    char **targets; /* NULL: the class keeps its name */
    bool *is_removed;
};

static enum tw_status fail_unknown(const struct tw_labels *labels, const char *name, struct tw_error *error)
{
    const char *nearest = NULL;
    size_t least = strlen(name) / 2 + 2;
    for (size_t i = 0; i < labels->count; i++) {
        size_t distance = tw_edit_distance(name, labels->names[i]);
        if (distance < least) {
            least = distance;
            nearest = labels->names[i];
        }
    }
    if (nearest != NULL)
        return tw_fail(error, TW_INVALID, "%s is none of the classes: did you mean %s?", name, nearest);
    return tw_fail(error, TW_INVALID, "%s is none of the %zu classes", name, labels->count);
}

/* The class may be changed once; `target` NULL removes it. */
static enum tw_status set_target(struct plan *plan, size_t id, const char *target, struct tw_error *error)
{
    const char *name = plan->old->names[id];
    if (plan->targets[id] != NULL || plan->is_removed[id])
        return tw_fail(error, TW_INVALID, "the class %s is changed twice", name);
    if (target == NULL) {
        plan->is_removed[id] = true;
        return TW_OK;
    }
    struct tw_span trimmed = tw_label_trimmed(tw_span_of_text(target));
    plan->targets[id] = tw_strndup((const char *)trimmed.data, trimmed.size);
    if (plan->targets[id] == NULL)
        return tw_fail_memory(error, trimmed.size, "a label");
    struct tw_error why = {0};
    enum tw_status status = tw_label_check(plan->targets[id], &why);
    return status == TW_OK ? TW_OK : tw_fail(error, TW_INVALID, "the new name of %s: %s", name, why.text);
}

/* Sets the targets of names joined by commas, if all of them are classes; else *is_read stays false. */
static enum tw_status read_sources(struct plan *plan, struct tw_span text, const char *target, bool *is_read,
                                   struct tw_error *error)
{
    char *names = tw_strndup((const char *)text.data, text.size);
    size_t *ids = tw_alloc(text.size + 1, sizeof *ids), count = 0;
    enum tw_status status = names != NULL && ids != NULL ? TW_OK : tw_fail_memory(error, text.size, "labels");
    char *at = names;
    while (status == TW_OK && at != NULL) {
        char *comma = NULL;
        bool is_found = false;
        for (char *end = strchr(at, ','); !is_found; end = strchr(end + 1, ',')) { /* the shortest that is a class */
            if (end != NULL)
                *end = 0;
            is_found = tw_labels_find(plan->old, at, &ids[count]);
            comma = end;
            if (end == NULL)
                break;
            if (!is_found)
                *end = ',';
        }
        if (!is_found)
            break;
        count++;
        at = comma != NULL ? comma + 1 : NULL;
    }
    *is_read = status == TW_OK && at == NULL;
    for (size_t i = 0; *is_read && i < count && status == TW_OK; i++)
        status = set_target(plan, ids[i], target, error);
    tw_free(names);
    tw_free(ids);
    return status;
}

static enum tw_status read_merge(struct plan *plan, const char *text, struct tw_error *error)
{
    bool is_read = false;
    enum tw_status status = TW_OK;
    const char *equals = strchr(text, '=');
    if (equals == NULL)
        return tw_fail(error, TW_INVALID, "--merge is %s, not of the form A,B=C", text);
    for (const char *at = equals; status == TW_OK && !is_read && at != NULL; at = strchr(at + 1, '='))
        status = read_sources(plan, tw_span_of(text, (size_t)(at - text)), at + 1, &is_read, error);
    if (status != TW_OK || is_read)
        return status;
    char *name = tw_strndup(text, (size_t)(equals - text)), *rest = name;
    size_t id;
    for (char *comma = name; comma != NULL; rest = comma + 1) { /* the first name that is no class */
        comma = strchr(rest, ',');
        if (comma != NULL)
            *comma = 0;
        if (!tw_labels_find(plan->old, rest, &id))
            break;
    }
    status = name != NULL ? fail_unknown(plan->old, rest, error) : tw_fail_memory(error, 1, "a label");
    tw_free(name);
    return status;
}

static enum tw_status read_rename(struct plan *plan, const char *text, struct tw_error *error)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL)
        return tw_fail(error, TW_INVALID, "--rename is %s, not of the form OLD=NEW", text);
    enum tw_status status = TW_OK;
    for (const char *at = equals; status == TW_OK && at != NULL; at = strchr(at + 1, '=')) {
        char *name = tw_strndup(text, (size_t)(at - text));
        size_t id;
        if (name == NULL)
            return tw_fail_memory(error, 1, "a label");
        bool is_class = tw_labels_find(plan->old, name, &id);
        if (!is_class && strchr(at + 1, '=') == NULL)
            status = fail_unknown(plan->old, name, error);
        tw_free(name);
        if (is_class)
            return set_target(plan, id, at + 1, error);
    }
    return status;
}

static enum tw_status read_change(struct plan *plan, const struct tw_label_change *change, struct tw_error *error)
{
    size_t id;
    switch (change->kind) {
    case TW_LABEL_RENAME:
        return read_rename(plan, change->text, error);
    case TW_LABEL_MERGE:
        return read_merge(plan, change->text, error);
    case TW_LABEL_REMOVE:
        break;
    }
    if (!tw_labels_find(plan->old, change->text, &id))
        return fail_unknown(plan->old, change->text, error);
    return set_target(plan, id, NULL, error);
}

/* Two classes come together by a merge only: by a rename it would be an oversight. */
static enum tw_status check_rename(const struct plan *plan, const struct tw_label_change *change,
                                   struct tw_error *error)
{
    for (size_t i = 0; change->kind == TW_LABEL_RENAME && i < plan->old->count; i++) {
        const char *target = plan->targets[i], *name = plan->old->names[i];
        size_t length = strlen(name), other;
        bool is_this = target != NULL && strncmp(change->text, name, length) == 0 && change->text[length] == '=';
        if (!is_this || strcmp(name, target) == 0)
            continue;
        for (other = 0; other < plan->old->count; other++) {
            const char *now = plan->is_removed[other] ? NULL
                              : plan->targets[other]  ? plan->targets[other]
                                                      : plan->old->names[other];
            if (other != i && now != NULL && strcmp(now, target) == 0)
                return tw_fail(error, TW_INVALID,
                               "--rename %s would join it with the class %s: `--merge %s,%s=%s` does that",
                               change->text, plan->old->names[other], name, plan->old->names[other], target);
        }
    }
    return TW_OK;
}

static enum tw_status apply(const struct plan *plan, struct tw_labels *labels, int64_t *places, struct tw_error *error)
{
    for (size_t i = 0; i < plan->old->count; i++) {
        size_t id;
        places[i] = -1;
        if (plan->is_removed[i])
            continue;
        enum tw_status status =
            tw_labels_add(labels, plan->targets[i] != NULL ? plan->targets[i] : plan->old->names[i], &id, error);
        if (status != TW_OK)
            return status;
        places[i] = (int64_t)id;
    }
    return TW_OK;
}

enum tw_status tw_labels_change(const struct tw_labels *old, const struct tw_label_change *changes, size_t count,
                                struct tw_labels *labels, int64_t *places, struct tw_error *error)
{
    struct plan plan = {.old = old,
                        .targets = tw_alloc(old->count + 1, sizeof *plan.targets),
                        .is_removed = tw_alloc(old->count + 1, sizeof *plan.is_removed)};
    enum tw_status status = plan.targets != NULL && plan.is_removed != NULL
                                ? TW_OK
                                : tw_fail_memory(error, old->count * sizeof *plan.targets, "changes of classes");
    for (size_t i = 0; i < count && status == TW_OK; i++)
        status = read_change(&plan, &changes[i], error);
    for (size_t i = 0; i < count && status == TW_OK; i++)
        status = check_rename(&plan, &changes[i], error);
    if (status == TW_OK)
        status = apply(&plan, labels, places, error);
    for (size_t i = 0; plan.targets != NULL && i < old->count; i++)
        tw_free(plan.targets[i]);
    tw_free(plan.targets);
    tw_free(plan.is_removed);
    return status;
}
