/* GIF (87a, 89a): "GIF8", version, u16le canvas width and height; blocks until the first image descriptor. The first frame
 * is drawn on its canvas; what it leaves out or holds as transparent shows the background. */
#include "image/codec.h"

#include "base/memory.h"

#include <gif_lib.h>
#include <string.h>

static bool matches(struct tw_span bytes)
{
    return tw_span_starts(bytes, "GIF87a", 6) || tw_span_starts(bytes, "GIF89a", 6);
}

static enum tw_status probe(struct tw_span bytes, struct tw_image_info *info, struct tw_error *error)
{
    struct tw_reader reader = tw_reader_of(bytes);
    uint16_t width, height;
    if (!tw_read_skip(&reader, 6) || !tw_read_u16le(&reader, &width) || !tw_read_u16le(&reader, &height))
        return tw_fail(error, TW_CORRUPT, "the GIF has no whole header: it is truncated");
    info->width = width;
    info->height = height;
    return TW_OK;
}

static int read_bytes(GifFileType *gif, GifByteType *out, int size)
{
    struct tw_reader *reader = gif->UserData;
    size_t wanted = (size_t)size, left = tw_reader_left(reader);
    struct tw_span part;
    if (!tw_read_span(reader, wanted < left ? wanted : left, &part))
        return 0;
    memcpy(out, part.data, part.size);
    return (int)part.size;
}

/* Skips extensions until the first image; `transparent` becomes its transparent colour, or -1. */
static bool find_frame(GifFileType *gif, int *transparent)
{
    GifRecordType record;
    *transparent = NO_TRANSPARENT_COLOR;
    while (DGifGetRecordType(gif, &record) == GIF_OK && record != TERMINATE_RECORD_TYPE) {
        if (record == IMAGE_DESC_RECORD_TYPE)
            return DGifGetImageDesc(gif) == GIF_OK;
        GifByteType *block;
        int code;
        if (record != EXTENSION_RECORD_TYPE || DGifGetExtension(gif, &code, &block) != GIF_OK)
            return false;
        GraphicsControlBlock control;
        if (code == GRAPHICS_EXT_FUNC_CODE && block != NULL &&
            DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
            *transparent = control.TransparentColor;
        while (block != NULL) {
            if (DGifGetExtensionNext(gif, &block) != GIF_OK)
                return false;
        }
    }
    return false;
}

static int interlaced_row(int row, int height)
{
    static const int starts[] = {0, 4, 2, 1}, steps[] = {8, 8, 4, 2};
    for (int pass = 0; pass < 4; pass++) {
        int rows = height > starts[pass] ? (height - starts[pass] + steps[pass] - 1) / steps[pass] : 0;
        if (row < rows)
            return starts[pass] + row * steps[pass];
        row -= rows;
    }
    return height;
}

static bool draw_frame(GifFileType *gif, int transparent, const ColorMapObject *colours, GifPixelType *line,
                       struct tw_image *image)
{
    const GifImageDesc *frame = &gif->Image;
    for (int row = 0; row < frame->Height; row++) {
        if (DGifGetLine(gif, line, frame->Width) != GIF_OK)
            return false;
        int y = frame->Top + (frame->Interlace ? interlaced_row(row, frame->Height) : row);
        for (int i = 0; i < frame->Width && y < image->height && frame->Left + i < image->width; i++) {
            if (line[i] == transparent || line[i] >= colours->ColorCount)
                continue;
            const GifColorType *colour = &colours->Colors[line[i]];
            uint8_t *to = image->rgb + ((size_t)y * (size_t)image->width + (size_t)(frame->Left + i)) * 3;
            to[0] = colour->Red, to[1] = colour->Green, to[2] = colour->Blue;
        }
    }
    return true;
}

static enum tw_status decode(struct tw_span bytes, const struct tw_decode_policy *policy, struct tw_image *image,
                             struct tw_error *error)
{
    struct tw_reader reader = tw_reader_of(bytes);
    int code = 0, transparent;
    enum tw_status status = TW_OK;
    GifPixelType *line = NULL;
    GifFileType *gif = DGifOpen(&reader, read_bytes, &code);
    if (gif == NULL)
        return tw_fail(error, TW_CORRUPT, "the GIF is damaged (%s)", GifErrorString(code));
    for (size_t i = 0; i < (size_t)image->width * (size_t)image->height; i++)
        memcpy(image->rgb + i * 3, policy->background, 3);
    if (!find_frame(gif, &transparent)) {
        status = tw_fail(error, TW_CORRUPT, "the GIF holds no whole frame: it is truncated or damaged");
        goto done;
    }
    const ColorMapObject *colours = gif->Image.ColorMap != NULL ? gif->Image.ColorMap : gif->SColorMap;
    if (colours == NULL) {
        status = tw_fail(error, TW_CORRUPT, "the GIF has no colour table");
        goto done;
    }
    line = tw_alloc((size_t)gif->Image.Width + 1, sizeof *line);
    if (line == NULL) {
        status = tw_fail_memory(error, (size_t)gif->Image.Width, "a row of a GIF");
        goto done;
    }
    if (!draw_frame(gif, policy->drops_alpha ? NO_TRANSPARENT_COLOR : transparent, colours, line, image))
        status = tw_fail(error, TW_CORRUPT, "the GIF's first frame is truncated or damaged");
done:
    tw_free(line);
    DGifCloseFile(gif, &code);
    return status;
}

const struct tw_codec tw_codec_gif = {.name = "gif", .matches = matches, .probe = probe, .decode = decode};
