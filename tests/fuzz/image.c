/* A photo: probe, decode under every kind of policy, resize. FUZZ_CODEC keeps a target to one codec. */
#include "fuzz.h"
#include "image/codec.h"

static const struct tw_image_limits limits = {.max_bytes = 1 << 20, .max_pixels = 1 << 18, .max_dimension = 4096};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_span bytes = tw_span_of(data, size);
    if (size < 2 || !FUZZ_CODEC.matches(tw_span_of(data, size - 1)))
        return -1; /* not worth keeping */
    bytes.size = size - 1;
    unsigned choice = data[size - 1];
    struct tw_image_policy policy = tw_image_policy_default;
    policy.decode.jpeg_dct = choice & 1 ? TW_DCT_ISLOW : TW_DCT_IFAST;
    policy.decode.exif = choice & 2 ? TW_EXIF_IGNORE : TW_EXIF_APPLY;
    policy.decode.drops_alpha = choice & 4;
    policy.decode.jpeg_least = choice & 8 ? 16 : 0;
    policy.resize = (enum tw_resize)(choice >> 4 & 3);
    policy.fit = (enum tw_fit)((choice >> 6) % 3);
    policy.width = policy.height = 16;

    struct tw_image_info info;
    struct tw_image image = {0};
    struct tw_error error = {0};
    enum tw_status probed = tw_image_probe(bytes, &info, &error);
    must_explain(probed, &error);
    error = (struct tw_error){0};
    enum tw_status status = tw_image_decode(bytes, &policy.decode, &limits, &image, &error);
    must_explain(status, &error);
    must(status != TW_OK || probed == TW_OK, "what decodes can be probed");
    if (status == TW_OK) {
        float tensor[3 * 16 * 16];
        must((int64_t)image.width * image.height <= limits.max_pixels, "the limit of pixels");
        status = tw_image_to_tensor(&image, &policy, tensor, &error);
        must_explain(status, &error);
    }
    tw_image_release(&image);
    return 0;
}
