/* For tests only: what topwork sees of a photo.
 *   pixels decode POLICY PHOTO...    8-bit RGB after decoding
 *   pixels tensor POLICY PHOTO...    the network's input
 * POLICY is the JSON of an image policy. For each photo one line to standard output, "WIDTH HEIGHT BYTES", and then that
 * many raw bytes (uint8 HWC, or float32 in the policy's layout); or one line "STATUS: sentence" for what cannot be read. */
#include "base/memory.h"
#include "image/image.h"
#include "storage/storage.h"

#include <stdio.h>
#include <string.h>

static void put(int width, int height, const void *data, size_t size)
{
    printf("%d %d %zu\n", width, height, size);
    fwrite(data, 1, size, stdout);
}

static enum tw_status show(const char *path, bool is_tensor, const struct tw_image_policy *policy,
                           struct tw_error *error)
{
    struct tw_buffer file = {0};
    struct tw_image image = {0};
    float *tensor = NULL;
    size_t values = (size_t)policy->width * (size_t)policy->height * 3;
    enum tw_status status = tw_storage_read(path, tw_image_limits_default.max_bytes, &file, error);
    if (status == TW_OK)
        status = tw_image_decode(tw_buffer_span(&file), &policy->decode, &tw_image_limits_default, &image, error);
    if (status == TW_OK && !is_tensor)
        put(image.width, image.height, image.rgb, (size_t)image.width * (size_t)image.height * 3);
    if (status == TW_OK && is_tensor) {
        tensor = tw_alloc(values, sizeof *tensor);
        status = tensor != NULL ? tw_image_to_tensor(&image, policy, tensor, error)
                                : tw_fail_memory(error, values * sizeof *tensor, "a tensor");
        if (status == TW_OK)
            put(policy->width, policy->height, tensor, values * sizeof *tensor);
    }
    tw_free(tensor);
    tw_image_release(&image);
    tw_buffer_release(&file);
    return status;
}

int main(int argc, char **argv)
{
    struct tw_image_policy policy;
    struct tw_error error = {0};
    if (argc < 4 || (strcmp(argv[1], "decode") != 0 && strcmp(argv[1], "tensor") != 0)) {
        fputs("usage: pixels decode|tensor POLICY PHOTO...\n", stderr);
        return 2;
    }
    if (tw_image_policy_from_json(argv[2], &policy, &error) != TW_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 2;
    }
    for (int i = 3; i < argc; i++) {
        enum tw_status status = show(argv[i], strcmp(argv[1], "tensor") == 0, &policy, &error);
        if (status != TW_OK)
            printf("%s: %s\n", tw_status_name(status), error.text);
    }
    return 0;
}
