/* JPEG (ITU-T T.81): FF D8, then markers FF xx with a big-endian length each; APP1 with "Exif\0\0" holds a TIFF block;
 * SOS begins the coded data. Decoding is libjpeg-turbo's; colours and completeness are as TensorFlow's decode_jpeg has
 * them: fancy upsampling, CMYK by the Adobe marker, an early end refused. */
#include "image/codec.h"

#include "base/memory.h"
#include "image/exif.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>
#include <jerror.h>

/* Encoders write some ten scans; a small file of endless ones would cost hours. */
enum { MOST_SCANS = 500 };

struct failure {
    struct jpeg_error_mgr base; /* first: libjpeg knows only this */
    struct jpeg_progress_mgr progress;
    jmp_buf back;
    char text[JMSG_LENGTH_MAX];
    bool is_cut, has_too_many_scans;
};

static void fail_and_jump(j_common_ptr info)
{
    struct failure *failure = (struct failure *)(void *)info->err;
    info->err->format_message(info, failure->text);
    longjmp(failure->back, 1);
}

/* Warnings are libjpeg's guesses about bad data. Only an early end is fatal, as with TensorFlow. */
static void take_message(j_common_ptr info, int level)
{
    struct failure *failure = (struct failure *)(void *)info->err;
    if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF) {
        failure->is_cut = true;
        fail_and_jump(info);
    }
}

static void count_scans(j_common_ptr common)
{
    struct failure *failure = (struct failure *)(void *)common->err;
    const struct jpeg_decompress_struct *info = (const struct jpeg_decompress_struct *)(void *)common;
    if (info->input_scan_number > MOST_SCANS) {
        failure->has_too_many_scans = true;
        longjmp(failure->back, 1);
    }
}

static bool matches(struct tw_span bytes)
{
    return tw_span_starts(bytes, "\xff\xd8\xff", 3);
}

static int find_orientation(struct tw_span bytes)
{
    struct tw_reader reader = tw_reader_of(bytes);
    uint8_t mark, kind;
    uint16_t size;
    struct tw_span part;
    if (!tw_read_skip(&reader, 2))
        return 1;
    while (tw_read_u8(&reader, &mark) && mark == 0xff && tw_read_u8(&reader, &kind)) {
        if (kind == 0xff) { /* fill byte */
            reader.at--;
            continue;
        }
        if (kind == 0xda || kind == 0xd9)
            break;
        if (!tw_read_u16be(&reader, &size) || size < 2 || !tw_read_span(&reader, (size_t)size - 2, &part))
            break;
        if (kind == 0xe1 && tw_span_starts(part, "Exif\0", 6))
            return tw_exif_orientation(tw_span_of(part.data + 6, part.size - 6));
    }
    return 1;
}

static enum tw_status report(const struct failure *failure, struct tw_error *error)
{
    if (failure->is_cut)
        return tw_fail(error, TW_CORRUPT, "the JPEG ends too early: it is truncated");
    if (failure->has_too_many_scans)
        return tw_fail(error, TW_LIMIT, "the JPEG has more than the limit of %d scans", MOST_SCANS);
    int code = failure->base.msg_code;
    if (code == JERR_BAD_PRECISION || code == JERR_SOF_UNSUPPORTED || code == JERR_CONVERSION_NOTIMPL)
        return tw_fail(error, TW_UNSUPPORTED, "the JPEG is of a kind that is not read (%s)", failure->text);
    return tw_fail(error, TW_CORRUPT, "the JPEG is damaged (%s)", failure->text);
}

static void catch_failures(struct jpeg_decompress_struct *info, struct failure *failure)
{
    info->err = jpeg_std_error(&failure->base);
    failure->base.error_exit = fail_and_jump;
    failure->base.emit_message = take_message;
    failure->progress.progress_monitor = count_scans;
}

static enum tw_status probe(struct tw_span bytes, struct tw_image_info *out, struct tw_error *error)
{
    struct jpeg_decompress_struct info = {0};
    struct failure failure = {0};
    catch_failures(&info, &failure);
    if (setjmp(failure.back)) {
        jpeg_destroy_decompress(&info);
        return report(&failure, error);
    }
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, bytes.data, (unsigned long)bytes.size);
    jpeg_read_header(&info, TRUE);
    out->width = (int)info.image_width;
    out->height = (int)info.image_height;
    out->orientation = find_orientation(bytes);
    jpeg_destroy_decompress(&info);
    return TW_OK;
}

/* Adobe's files hold inverted CMYK; others do not. */
static void cmyk_to_rgb(const uint8_t *from, uint8_t *to, size_t count, bool is_inverted)
{
    for (size_t i = 0; i < count; i++, from += 4, to += 3) {
        int k = is_inverted ? from[3] : 255 - from[3];
        for (int c = 0; c < 3; c++)
            to[c] = (uint8_t)(k * (is_inverted ? from[c] : 255 - from[c]) / 255);
    }
}

/* libjpeg leaves out high frequencies: each block of 8 x 8 becomes 4 x 4, 2 x 2 or one pixel. */
static int shrinks_by(const struct tw_image_info *info, const struct tw_decode_policy *policy)
{
    int divisor = 1, least = info->width < info->height ? info->width : info->height;
    while (policy->jpeg_least > 0 && divisor < 8 && least / (2 * divisor) >= policy->jpeg_least)
        divisor *= 2;
    return divisor;
}

static void read_rows(struct jpeg_decompress_struct *info, uint8_t *cmyk, const struct tw_image *image)
{
    while (info->output_scanline < info->output_height) {
        uint8_t *rgb = image->rgb + (size_t)info->output_scanline * (size_t)image->width * 3;
        JSAMPROW row = cmyk != NULL ? cmyk : rgb;
        if (jpeg_read_scanlines(info, &row, 1) == 1 && cmyk != NULL)
            cmyk_to_rgb(cmyk, rgb, (size_t)image->width, info->saw_Adobe_marker);
    }
}

static enum tw_status decode(struct tw_span bytes, const struct tw_decode_policy *policy, struct tw_image *image,
                             struct tw_error *error)
{
    struct jpeg_decompress_struct info = {0};
    struct failure failure = {0};
    uint8_t *cmyk = tw_alloc((size_t)image->width, 4); /* before setjmp, so that its value holds after a jump */
    if (cmyk == NULL)
        return tw_fail_memory(error, (size_t)image->width * 4, "a row of a JPEG");
    catch_failures(&info, &failure);
    if (setjmp(failure.back)) {
        jpeg_destroy_decompress(&info);
        tw_free(cmyk);
        return report(&failure, error);
    }
    jpeg_create_decompress(&info);
    info.progress = &failure.progress;
    jpeg_mem_src(&info, bytes.data, (unsigned long)bytes.size);
    jpeg_read_header(&info, TRUE);
    bool has_black = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
    info.out_color_space = has_black ? JCS_CMYK : JCS_RGB;
    info.dct_method = policy->jpeg_dct == TW_DCT_IFAST ? JDCT_IFAST : JDCT_ISLOW;
    info.do_fancy_upsampling = TRUE;
    info.scale_num = 1;
    info.scale_denom = (unsigned)shrinks_by(
        &(struct tw_image_info){.width = (int)info.image_width, .height = (int)info.image_height}, policy);
    jpeg_start_decompress(&info);
    read_rows(&info, has_black ? cmyk : NULL, image);
    jpeg_destroy_decompress(&info);
    tw_free(cmyk);
    return TW_OK;
}

const struct tw_codec tw_codec_jpeg = {
    .name = "jpeg", .matches = matches, .probe = probe, .shrinks_by = shrinks_by, .decode = decode};
