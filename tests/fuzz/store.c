/* A store's own files: model.json, version.json; names of models. First byte: which. */
#include "fuzz.h"
#include "store/layout.h"

/* Relative, and no part of it is "..". */
static bool stays_inside(const char *name)
{
    bool leaves = name[0] == '/';
    for (const char *part = name; part != NULL && !leaves; part = strchr(part, '/')) {
        part += *part == '/';
        leaves = strncmp(part, "..", 2) == 0 && (part[2] == 0 || part[2] == '/');
    }
    return !leaves;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_error error = {0};
    if (size == 0)
        return 0;
    if (data[0] % 3 == 0) {
        char name[256] = "";
        memcpy(name, data + 1, size - 1 < 255 ? size - 1 : 255);
        enum tw_status status = tw_store_check_name("model", name, &error);
        must_explain(status, &error);
        must(status != TW_OK || (strchr(name, '/') == NULL && name[0] != '.' && name[0] != 0),
             "a name stays in the store");
    } else if (data[0] % 3 == 1) {
        struct tw_store_version version = {0};
        put_in_folder("version.json", data + 1, size - 1);
        char path[256];
        snprintf(path, sizeof path, "%s/version.json", folder_of_fuzz());
        enum tw_status status = tw_store_read_version(path, &version, &error);
        must_explain(status, &error);
        for (size_t i = 0; status == TW_OK && i < version.file_count; i++)
            must(stays_inside(version.files[i].name), "a file stays in its version");
        tw_store_version_release(&version);
    } else {
        struct tw_store_model model = {0};
        char path[256];
        snprintf(path, sizeof path, "%s/fuzzed", folder_of_fuzz());
        mkdir(path, 0700);
        put_in_folder("fuzzed/model.json", data + 1, size - 1);
        enum tw_status status = tw_store_read(folder_of_fuzz(), "fuzzed", &model, &error);
        must_explain(status, &error);
        tw_store_model_release(&model);
    }
    return 0;
}
