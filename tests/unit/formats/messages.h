/* Small models written field by field. Failures are the test's own. */
#ifndef TW_TESTS_MESSAGES_H
#define TW_TESTS_MESSAGES_H

#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static inline void put_int(struct tw_buffer *out, uint32_t number, int64_t value)
{
    assert_int_equal(tw_wire_put_varint(out, number, (uint64_t)value, NULL), TW_OK);
}

static inline void put_text(struct tw_buffer *out, uint32_t number, const char *text)
{
    assert_int_equal(tw_wire_put_text(out, number, text, NULL), TW_OK);
}

/* Appends the message and empties it for the next one. */
static inline void put_message(struct tw_buffer *out, uint32_t number, struct tw_buffer *message)
{
    assert_int_equal(tw_wire_put_bytes(out, number, tw_buffer_span(message), NULL), TW_OK);
    tw_buffer_release(message);
}

#endif
