#include "serve/tokens.h"

#include "base/hash.h"
#include "base/memory.h"
#include "storage/storage.h"

#include <openssl/crypto.h>
#include <string.h>

enum { MOST_BYTES = 1 << 20 };

struct tw_tokens {
    struct tw_digest *digests;
    size_t count, capacity;
};

static enum tw_status read_line(struct tw_tokens *tokens, const char *line, size_t number, struct tw_error *error)
{
    char hex[TW_DIGEST_HEX] = "";
    struct tw_digest digest;
    size_t length = strcspn(line, " \t\r");
    if (*line == 0 || *line == '#' || *line == '\r')
        return TW_OK;
    if (length == TW_DIGEST_HEX - 1)
        memcpy(hex, line, length);
    if (!tw_digest_parse(hex, &digest))
        return tw_fail(error, TW_CORRUPT, "line %zu does not begin with a SHA-256 in hex", number);
    enum tw_status status =
        tw_grow((void **)&tokens->digests, &tokens->capacity, tokens->count + 1, sizeof *tokens->digests, error);
    if (!status)
        tokens->digests[tokens->count++] = digest;
    return status;
}

enum tw_status tw_tokens_read(const char *uri, struct tw_tokens **tokens, struct tw_error *error)
{
    struct tw_buffer text = {0};
    struct tw_tokens *made = tw_alloc(1, sizeof *made);
    enum tw_status status =
        made ? tw_storage_read(uri, MOST_BYTES, &text, error) : tw_fail_memory(error, sizeof *made, "tokens");
    if (!status)
        status = tw_buffer_append(&text, "", 1, error);
    size_t number = 1;
    for (char *at = (char *)text.data, *end; !status && at; at = end, number++) {
        end = strchr(at, '\n');
        if (end)
            *end++ = 0;
        status = read_line(made, at, number, error);
    }
    if (!status && made->count == 0)
        status = tw_fail(error, TW_CORRUPT, "it holds no token, so nobody could ask");
    tw_buffer_release(&text);
    if (status) {
        tw_tokens_free(made);
        return tw_fail_within(error, status, "tokens %s", uri);
    }
    *tokens = made;
    return TW_OK;
}

bool tw_tokens_allow(const struct tw_tokens *tokens, const char *authorization)
{
    struct tw_digest digest;
    if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0 ||
        tw_digest_of(tw_span_of_text(authorization + 7), &digest, NULL))
        return false;
    bool is_found = false;
    for (size_t i = 0; i < tokens->count; i++)
        is_found |= CRYPTO_memcmp(tokens->digests[i].bytes, digest.bytes, TW_DIGEST_BYTES) == 0;
    return is_found;
}

void tw_tokens_free(struct tw_tokens *tokens)
{
    if (!tokens)
        return;
    tw_free(tokens->digests);
    tw_free(tokens);
}
