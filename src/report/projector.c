#include "report/projector.h"

#include "base/memory.h"
#include "image/image.h"
#include "storage/storage.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_ROWS = 1000, MOST_VALUES = 1000000, PICTURE = 48 };

static size_t row_count(const struct tw_report *r)
{
    size_t most = r->width ? MOST_VALUES / r->width : 0;
    most = most < MOST_ROWS ? most : MOST_ROWS;
    return r->embedding_count < most ? r->embedding_count : most;
}

static const struct tw_report_embedding *row(const struct tw_report *r, size_t index, size_t count)
{
    return &r->embeddings[index * r->embedding_count / count];
}

/* Four digits are all that a picture of points needs; printf would take most of the time of writing them. */
static size_t format_value(float value, char *out)
{
    char digits[16], *at = out;
    double size = fabs((double)value);
    if (!(size < 1e5))
        return (size_t)sprintf(out, "%.4g", (double)value);
    unsigned long scaled = (unsigned long)(size * 10000 + 0.5), whole = scaled / 10000, part = scaled % 10000;
    size_t count = 0;
    if (value < 0 && scaled)
        *at++ = '-';
    do
        digits[count++] = (char)('0' + whole % 10);
    while (whole /= 10);
    while (count)
        *at++ = digits[--count];
    if (part) {
        *at++ = '.';
        for (unsigned long place = 1000; part; part %= place, place /= 10)
            *at++ = (char)('0' + part / place);
    }
    return (size_t)(at - out);
}

static enum tw_status write_file(const char *folder, const char *name, struct tw_span bytes, struct tw_error *error)
{
    char *path = tw_uri_join(folder, name);
    enum tw_status status = path ? tw_storage_write(path, bytes, error) : tw_fail_memory(error, 1, "a path");
    tw_free(path);
    return status;
}

static enum tw_status write_tensors(const char *folder, const struct tw_report *r, size_t count, struct tw_error *error)
{
    struct tw_buffer text = {0};
    enum tw_status status = tw_buffer_reserve(&text, count * r->width * 26, error);
    for (size_t i = 0; i < count && !status; i++) {
        const struct tw_report_embedding *embedding = row(r, i, count);
        char *at = (char *)text.data + text.size, *start = at;
        for (size_t j = 0; j < r->width; j++) {
            at += format_value(embedding->values[j], at);
            *at++ = j + 1 < r->width ? '\t' : '\n';
        }
        text.size += (size_t)(at - start);
    }
    if (!status)
        status = write_file(folder, "tensors.tsv", tw_buffer_span(&text), error);
    tw_buffer_release(&text);
    return status;
}

/* A cell of the table: what would end it becomes a space. */
static enum tw_status put_cell(struct tw_buffer *out, const char *text, char end, struct tw_error *error)
{
    size_t start = out->size;
    enum tw_status status = tw_buffer_append_text(out, text, error);
    for (size_t i = start; i < out->size; i++) {
        if (out->data[i] == '\t' || out->data[i] == '\n' || out->data[i] == '\r')
            out->data[i] = ' ';
    }
    return status ? status : tw_buffer_append(out, &end, 1, error);
}

static enum tw_status write_metadata(const char *folder, const struct tw_report *r, size_t count,
                                     struct tw_error *error)
{
    struct tw_buffer text = {0};
    enum tw_status status = tw_buffer_append_text(&text, "label\tside\tkey\n", error);
    for (size_t i = 0; i < count && !status; i++) {
        const struct tw_report_embedding *embedding = row(r, i, count);
        status = put_cell(&text, embedding->label, '\t', error);
        if (!status)
            status = put_cell(&text, embedding->side, '\t', error);
        if (!status)
            status = put_cell(&text, embedding->key, '\n', error);
    }
    if (!status)
        status = write_file(folder, "metadata.tsv", tw_buffer_span(&text), error);
    tw_buffer_release(&text);
    return status;
}

/* The middle of a photo into its place of the sprite. */
static void put_picture(struct tw_image *sprite, const struct tw_image *photo, int left, int top)
{
    int side = photo->width < photo->height ? photo->width : photo->height;
    int x0 = (photo->width - side) / 2, y0 = (photo->height - side) / 2;
    for (int y = 0; y < PICTURE; y++) {
        for (int x = 0; x < PICTURE; x++) {
            size_t from = (size_t)(y0 + y * side / PICTURE) * (size_t)photo->width + (size_t)(x0 + x * side / PICTURE);
            size_t to = (size_t)(top + y) * (size_t)sprite->width + (size_t)(left + x);
            memcpy(sprite->rgb + to * 3, photo->rgb + from * 3, 3);
        }
    }
}

static enum tw_status write_sprite(const char *folder, const struct tw_report *r, size_t count, struct tw_error *error)
{
    int side = (int)ceil(sqrt((double)count));
    struct tw_image sprite = {.width = side * PICTURE, .height = side * PICTURE};
    struct tw_buffer jpeg = {0};
    const struct tw_decode_policy policy = {.background = {255, 255, 255}};
    size_t bytes = (size_t)sprite.width * (size_t)sprite.height * 3;
    sprite.rgb = tw_alloc(bytes, 1);
    if (!sprite.rgb)
        return tw_fail_memory(error, bytes, "the projector's photos");
    memset(sprite.rgb, 255, bytes);
    for (size_t i = 0; i < count; i++) {
        struct tw_image photo = {0};
        tw_buffer_clear(&jpeg);
        if (r->thumbnail(r->context, row(r, i, count)->key, &jpeg) &&
            !tw_image_decode(tw_buffer_span(&jpeg), &policy, &tw_image_limits_default, &photo, NULL))
            put_picture(&sprite, &photo, (int)i % side * PICTURE, (int)i / side * PICTURE);
        tw_image_release(&photo);
    }
    tw_buffer_clear(&jpeg);
    enum tw_status status = tw_image_thumbnail(&sprite, sprite.width, 85, &jpeg, error);
    if (!status)
        status = write_file(folder, "sprite.jpg", tw_buffer_span(&jpeg), error);
    tw_image_release(&sprite);
    tw_buffer_release(&jpeg);
    return status;
}

static enum tw_status write_config(const char *folder, bool has_sprite, struct tw_error *error)
{
    struct tw_buffer text = {0};
    enum tw_status status = tw_buffer_append_text(&text,
                                                  "embeddings {\n  tensor_name: \"embeddings\"\n"
                                                  "  tensor_path: \"tensors.tsv\"\n  metadata_path: \"metadata.tsv\"\n",
                                                  error);
    if (!status && has_sprite)
        status = tw_buffer_printf(&text, error,
                                  "  sprite {\n    image_path: \"sprite.jpg\"\n    single_image_dim: %d\n"
                                  "    single_image_dim: %d\n  }\n",
                                  PICTURE, PICTURE);
    if (!status)
        status = tw_buffer_append_text(&text, "}\n", error);
    if (!status)
        status = write_file(folder, "projector_config.pbtxt", tw_buffer_span(&text), error);
    tw_buffer_release(&text);
    return status;
}

enum tw_status tw_projector_write(const char *folder, const struct tw_report *report, struct tw_error *error)
{
    size_t count = row_count(report);
    if (!count)
        return TW_OK;
    enum tw_status status = write_tensors(folder, report, count, error);
    if (!status)
        status = write_metadata(folder, report, count, error);
    if (!status && report->thumbnail)
        status = write_sprite(folder, report, count, error);
    return status ? status : write_config(folder, report->thumbnail != NULL, error);
}
