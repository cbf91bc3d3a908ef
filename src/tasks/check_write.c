/* The findings as CSVs: one to read, one to fill in, one of photos to leave out. */
#include "tasks/check.h"

#include "base/csv.h"
#include "storage/storage.h"
#include "tasks/output.h"

#include <stdio.h>

static enum tw_status put_cells(struct tw_buffer *out, const char *const *cells, size_t count, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < count && !status; i++)
        status = tw_csv_put(out, cells[i] ? cells[i] : "", i == 0, true, error);
    return status ? status : tw_buffer_append_text(out, "\n", error);
}

static const char *label_of(const struct tw_check_result *result, const struct tw_item *item)
{
    return item && item->label_count ? result->photos.labels.names[item->labels[0]] : "";
}

/* What a person can decide about: photos, and neither copies that are told apart already nor what is only a remark on size. */
static bool is_decidable(const struct tw_finding *finding)
{
    return finding->item != SIZE_MAX && tw_finding_names[finding->kind].is_problem &&
           finding->kind != TW_FINDING_UNUSABLE;
}

/* What nothing can be learnt from, whatever its label. */
static bool is_worthless(const struct tw_finding *finding)
{
    return finding->item != SIZE_MAX && (finding->kind == TW_FINDING_UNUSABLE || finding->kind == TW_FINDING_BLANK);
}

/* The three tables of a finding. */
struct tables {
    struct tw_buffer findings, corrections, quarantine;
};

static enum tw_status put_finding(const struct tw_check_result *result, const struct tw_finding *finding,
                                  struct tables *tables, struct tw_error *error)
{
    const struct tw_item *item = finding->item == SIZE_MAX ? NULL : tw_check_item(result, finding->item);
    const struct tw_item *other = finding->other == SIZE_MAX ? NULL : tw_check_item(result, finding->other);
    const char *uri = item ? item->uri : "", *label = label_of(result, item), *twin = other ? other->uri : "";
    const char *kind = tw_finding_names[finding->kind].name;
    const char *const row[] = {uri, kind, label, twin, finding->detail};
    const char *better =
        finding->suggested >= 0 ? result->photos.labels.names[finding->suggested] : label_of(result, other);
    const char *const decision[] = {uri, label, "", kind, twin, better};
    const char *const left_out[] = {uri, label, "-", kind, finding->detail};
    enum tw_status status = put_cells(&tables->findings, row, sizeof row / sizeof *row, error);
    if (!status && is_worthless(finding))
        status = put_cells(&tables->quarantine, left_out, sizeof left_out / sizeof *left_out, error);
    else if (!status && is_decidable(finding))
        status = put_cells(&tables->corrections, decision, sizeof decision / sizeof *decision, error);
    return status;
}

/* Every judged label, the most doubtful first. */
static enum tw_status put_doubts(const struct tw_check_result *result, struct tw_buffer *out, struct tw_error *error)
{
    enum tw_status status =
        tw_buffer_append_text(out, "uri,label,suggested,label_share,suggested_share,is_suspect\n", error);
    for (size_t i = 0; i < result->doubt_count && !status; i++) {
        const struct tw_doubt *doubt = &result->doubts[i];
        char own[24], other[24];
        snprintf(own, sizeof own, "%.6f", doubt->own);
        snprintf(other, sizeof other, "%.6f", doubt->other);
        const char *const row[] = {tw_check_item(result, doubt->row)->uri,
                                   result->photos.labels.names[doubt->label],
                                   result->photos.labels.names[doubt->suggested],
                                   own,
                                   other,
                                   doubt->is_suspect ? "yes" : "no"};
        status = put_cells(out, row, sizeof row / sizeof *row, error);
    }
    return status;
}

static enum tw_status write_doubts(const struct tw_check_result *result, const char *folder, struct tw_error *error)
{
    struct tw_buffer out = {0};
    if (result->doubt_count == 0)
        return TW_OK;
    enum tw_status status = put_doubts(result, &out, error);
    if (!status)
        status = tw_output_write(folder, "labels.csv", tw_buffer_span(&out), error);
    tw_buffer_release(&out);
    return status;
}

enum tw_status tw_check_write(const struct tw_check_result *result, const char *folder, struct tw_error *error)
{
    struct tables tables = {0};
    enum tw_status status = tw_buffer_append_text(&tables.findings, "uri,kind,label,other,detail\n", error);
    if (!status)
        status = tw_buffer_append_text(&tables.corrections, "uri,label,new_label,kind,other,other_label\n", error);
    if (!status)
        status = tw_buffer_append_text(&tables.quarantine, "uri,label,new_label,kind,detail\n", error);
    for (size_t i = 0; i < result->finding_count && !status; i++)
        status = put_finding(result, &result->findings[i], &tables, error);
    if (!status)
        status = tw_storage_make_folders(folder, error);
    if (!status)
        status = tw_output_write(folder, "findings.csv", tw_buffer_span(&tables.findings), error);
    if (!status)
        status = tw_output_write(folder, "corrections.csv", tw_buffer_span(&tables.corrections), error);
    if (!status)
        status = tw_output_write(folder, "quarantine.csv", tw_buffer_span(&tables.quarantine), error);
    if (!status)
        status = write_doubts(result, folder, error);
    tw_buffer_release(&tables.findings);
    tw_buffer_release(&tables.corrections);
    tw_buffer_release(&tables.quarantine);
    return status;
}
