#include "image/codec.h"

#include "base/text.h"

const struct tw_codec *const tw_codecs[] = {
    &tw_codec_jpeg, &tw_codec_png, &tw_codec_gif, &tw_codec_bmp, &tw_codec_webp, NULL,
};

struct kind {
    size_t at;
    const char *magic;
    size_t size;
    const char *name;
};

static const struct kind kinds[] = {
    {4, "ftypheic", 8, "a HEIC photo"},
    {4, "ftypheix", 8, "a HEIC photo"},
    {4, "ftypmif1", 8, "a HEIC photo"},
    {4, "ftypavif", 8, "an AVIF photo"},
    {4, "ftypcrx ", 8, "a Canon raw photo"},
    {4, "ftyp", 4, "a film (MP4 or QuickTime)"},
    {0, "II*\0", 4, "a TIFF or raw photo"},
    {0, "MM\0*", 4, "a TIFF or raw photo"},
    {0, "\xff\x0a", 2, "a JPEG XL photo"},
    {0, "\0\0\0\x0cJXL ", 8, "a JPEG XL photo"},
    {0, "\0\0\0\x0cjP  ", 8, "a JPEG 2000 photo"},
    {0, "8BPS", 4, "a Photoshop file"},
    {0, "%PDF", 4, "a PDF"},
    {0, "PK\x03\x04", 4, "a ZIP archive or office document"},
    {0, "\x1f\x8b", 2, "a gzip file"},
    {0,
     "\x7f"
     "ELF",
     4, "a program"},
    {0, "<svg", 4, "an SVG drawing"},
    {0, "<!DOCTYPE", 9, "an HTML page"},
    {0, "<!doctype", 9, "an HTML page"},
    {0, "<html", 5, "an HTML page"},
    {0, "<?xml", 5, "an XML file"},
    {0, "\0\0\1\0", 4, "an icon"},
    {0, "RIFF", 4, "a sound or film (RIFF)"},
};

const char *tw_kind_of(struct tw_span bytes)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct kind *kind = &kinds[i];
        if (bytes.size > kind->at &&
            tw_span_starts(tw_span_of(bytes.data + kind->at, bytes.size - kind->at), kind->magic, kind->size))
            return kind->name;
    }
    struct tw_span head = tw_span_of(bytes.data, bytes.size < 512 ? bytes.size : 512);
    size_t controls = 0;
    for (size_t i = 0; i < head.size; i++)
        controls += head.data[i] < 32 && head.data[i] != '\n' && head.data[i] != '\r' && head.data[i] != '\t';
    return controls == 0 && (head.size == 512 || tw_is_utf8(head)) ? "text" : "an unknown kind of file";
}
