#include "store/layout.h"

#include "base/memory.h"
#include "base/text.h"

#include <string.h>

enum tw_status tw_store_check_name(const char *kind, const char *name, struct tw_error *error)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char others[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    size_t length = strnlen(name, TW_STORE_NAME_SIZE + 1);
    if (length == 0 || length > TW_STORE_NAME_SIZE || !strchr(letters, *name) || strspn(name, others) < length) {
        char shown[96];
        tw_printable(name, shown, sizeof shown);
        return tw_fail(error, TW_INVALID,
                       "\"%s\" cannot be the name of a %s: it is a letter, then letters, digits, _, - or ., at most %d",
                       shown, kind, TW_STORE_NAME_SIZE);
    }
    return TW_OK;
}

int64_t tw_store_number_of(const char *name)
{
    int64_t number = 0;
    return *name != '0' && *name != '+' && tw_parse_int64(name, 1, INT64_MAX - 1, &number) ? number : 0;
}

char *tw_store_uri(const char *store, const char *name, int64_t number, const char *file)
{
    return tw_format("%s/%s/%lld%s%s", store, name, (long long)number, file ? "/" : "", file ? file : "");
}
