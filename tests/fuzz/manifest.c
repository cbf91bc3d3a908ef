/* manifest.json of a folder of records. */
#include "fuzz.h"
#include "records/shards.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    put_in_folder("manifest.json", data, size);
    struct tw_manifest manifest = {0};
    struct tw_error error = {0};
    enum tw_status status = tw_manifest_read(folder_of_fuzz(), &manifest, &error);
    must_explain(status, &error);
    if (status == TW_OK) {
        for (size_t i = 0; i < manifest.shard_count; i++)
            must(strchr(manifest.shards[i].name, '/') == NULL, "a shard lies in its folder");
    }
    tw_manifest_release(&manifest);
    return 0;
}
