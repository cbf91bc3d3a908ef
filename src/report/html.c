#include "report/html.h"

#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MOST_PICTURE_BYTES = 2500000, PICTURE = 96 };

/* Bytes of the well-formed character at `text`; 0: there is none. */
static size_t character_length(const char *text)
{
    unsigned char first = (unsigned char)*text;
    size_t length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    for (size_t i = 1; i < length; i++) {
        if (!text[i])
            return 0;
    }
    return tw_is_utf8(tw_span_of(text, length)) ? length : 0;
}

static const char *reference_of(char character)
{
    switch (character) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

enum tw_status tw_html_escape(struct tw_buffer *out, const char *text, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    while (*text && !status) {
        size_t length = character_length(text);
        const char *reference = reference_of(*text);
        bool is_control = (unsigned char)*text < 0x20 || *text == 0x7f ||
                          (length == 2 && text[0] == '\xc2' && (unsigned char)text[1] < 0xa0);
        if (length == 0 || is_control)
            status = tw_buffer_append_text(out, "\xef\xbf\xbd", error);
        else if (reference)
            status = tw_buffer_append_text(out, reference, error);
        else
            status = tw_buffer_append(out, text, length, error);
        text += length ? length : 1;
    }
    return status;
}

static void put(struct tw_page *page, const void *data, size_t size)
{
    if (!page->status)
        page->status = tw_buffer_append(&page->html, data, size, page->error);
}

static void put_value(struct tw_page *page, const char *spec, va_list *values)
{
    char number[64], kind = spec[strlen(spec) - 1];
    if (kind == 's') {
        const char *text = va_arg(*values, const char *);
        if (!page->status)
            page->status = tw_html_escape(&page->html, text ? text : "", page->error);
        return;
    }
    if (kind == 'f')
        snprintf(number, sizeof number, "%.*f", spec[1] == '.' ? spec[2] - '0' : 6, va_arg(*values, double));
    else if (kind == 'u')
        snprintf(number, sizeof number, "%zu", va_arg(*values, size_t));
    else
        snprintf(number, sizeof number, "%d", va_arg(*values, int));
    put(page, number, strlen(number));
}

void tw_html(struct tw_page *page, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    while (*format) {
        size_t plain = strcspn(format, "%");
        put(page, format, plain);
        format += plain;
        if (!*format)
            break;
        if (format[1] == '%') {
            put(page, "%", 1);
            format += 2;
            continue;
        }
        char spec[8] = "";
        size_t length = strcspn(format, "sdfu") + 1;
        snprintf(spec, sizeof spec, "%.*s", (int)length, format);
        put_value(page, spec, &values);
        format += length;
    }
    va_end(values);
}

void tw_html_percent(struct tw_page *page, double share)
{
    if (isnan(share))
        tw_html(page, "–");
    else
        tw_html(page, "%.1f %%", 100 * share);
}

/* The place of a key among those that were asked for; it is new there where *is_new. */
static size_t place_of(struct tw_page *page, const char *key, bool *is_new)
{
    for (size_t i = 0; i < page->shown_count; i++) {
        if (strcmp(page->shown[i].key, key) == 0)
            return i;
    }
    if (!page->status)
        page->status = tw_grow((void **)&page->shown, &page->shown_capacity, page->shown_count + 1, sizeof *page->shown,
                               page->error);
    if (page->status)
        return SIZE_MAX;
    *is_new = true;
    page->shown[page->shown_count] = (struct tw_page_picture){.key = key};
    return page->shown_count++;
}

/* The picture as an SVG symbol, so that a photo that is shown in several places stands in the file once. */
static bool define_picture(struct tw_page *page, size_t place)
{
    const struct tw_report *report = page->report;
    struct tw_buffer *jpeg = &page->scratch;
    tw_buffer_clear(jpeg);
    if (!report->thumbnail || !report->thumbnail(report->context, page->shown[place].key, jpeg) ||
        page->pictures.size + 4 * jpeg->size / 3 > MOST_PICTURE_BYTES)
        return false;
    size_t encoded = 4 * ((jpeg->size + 2) / 3);
    page->status = tw_buffer_printf(&page->pictures, page->error,
                                    "<image id=\"p%zu\" width=\"%d\" height=\"%d\" href=\"data:image/jpeg;base64,",
                                    place, PICTURE, PICTURE);
    if (!page->status)
        page->status = tw_buffer_reserve(&page->pictures, page->pictures.size + encoded + 1, page->error);
    if (page->status)
        return false;
    EVP_EncodeBlock(page->pictures.data + page->pictures.size, jpeg->data, (int)jpeg->size);
    page->pictures.size += encoded;
    page->status = tw_buffer_append_text(&page->pictures, "\"/>\n", page->error);
    return !page->status;
}

void tw_html_picture(struct tw_page *page, const char *key)
{
    bool is_new = false;
    size_t place = place_of(page, key, &is_new);
    if (place == SIZE_MAX)
        return;
    if (is_new)
        page->shown[place].is_there = define_picture(page, place);
    if (page->shown[place].is_there)
        tw_html(page, "<svg viewBox=\"0 0 96 96\" role=\"img\" aria-label=\"Photo %s\"><use href=\"#p%zu\"/></svg>",
                tw_base_name(key), place);
}

void tw_html_table(struct tw_page *page, const char *name)
{
    tw_html(page, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\"><table>", name);
}

void tw_html_table_end(struct tw_page *page)
{
    tw_html(page, "</tbody></table></div>\n");
}

void tw_html_photo(struct tw_page *page, size_t index)
{
    const struct tw_report *report = page->report;
    const struct tw_report_photo *photo = &report->photos[index];
    const char *name = tw_base_name(photo->key), *truth = report->labels[photo->truth],
               *prediction = report->labels[photo->prediction];
    bool is_right = photo->truth == photo->prediction;
    double score = (double)photo->scores[photo->prediction];
    tw_html(page, "<li class=\"photo %s\"><figure>", is_right ? "right" : "wrong");
    tw_html_picture(page, photo->key);
    tw_html(page, "<figcaption><span class=\"name\" title=\"%s\"><bdi>%s</bdi></span>", photo->key, name);
    if (is_right)
        tw_html(page, "<span class=\"verdict\"><bdi>%s</bdi>, %.0f %%</span>", prediction, 100 * score);
    else
        tw_html(page,
                "<span class=\"verdict\">taken for <bdi>%s</bdi>, %.0f %%</span><span class=\"truth\">labelled "
                "<bdi>%s</bdi></span>",
                prediction, 100 * score, truth);
    tw_html(page, "</figcaption></figure></li>\n");
}

void tw_html_word(struct tw_page *page, const char *folder, const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
    bool is_plain = *folder && strspn(folder, plain) == strlen(folder) && *folder != '-';
    if (is_plain) {
        tw_html(page, "%s%s", folder, name);
        return;
    }
    tw_html(page, "'");
    for (const char *at = folder; *at;) {
        size_t part = strcspn(at, "'");
        char piece[256];
        part = part < sizeof piece - 1 ? part : sizeof piece - 1;
        memcpy(piece, at, part);
        piece[part] = 0;
        tw_html(page, "%s", piece);
        at += part;
        if (*at == '\'') {
            tw_html(page, "'\\''");
            at++;
        }
    }
    tw_html(page, "%s'", name);
}

static struct tw_number find(const struct tw_number *numbers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(numbers[i].name, name) == 0)
            return numbers[i];
    }
    return (struct tw_number){name, NAN, NAN, NAN};
}

struct tw_number tw_report_measure(const struct tw_report *report, const char *name)
{
    const struct tw_metrics_view *m = report->metrics;
    return find(m ? m->measures : NULL, m ? m->measure_count : 0, name);
}

struct tw_number tw_report_class_measure(const struct tw_report *report, size_t class, const char *name)
{
    const struct tw_metrics_view *m = report->metrics;
    return find(m ? m->class_measures + class * m->class_measure_count : NULL, m ? m->class_measure_count : 0, name);
}
