/* Who may ask: a file with a line for each token, the SHA-256 of the token in hex and, after a space, whose it is. The tokens
 * themselves are nowhere kept: `printf %s TOKEN | sha256sum` makes a line. */
#ifndef TW_SERVE_TOKENS_H
#define TW_SERVE_TOKENS_H

#include "base/status.h"

#include <stdbool.h>

struct tw_tokens;
/* TW_CORRUPT names the first line that is none. Empty lines and those that begin with # are left out. */
enum tw_status tw_tokens_read(const char *uri, struct tw_tokens **tokens, struct tw_error *error) TW_MUST_USE;
/* `authorization`: the header's value, "Bearer TOKEN"; NULL: there is none. Takes the same time whichever token it is. */
bool tw_tokens_allow(const struct tw_tokens *tokens, const char *authorization);
void tw_tokens_free(struct tw_tokens *tokens); /* NULL is fine */

#endif
