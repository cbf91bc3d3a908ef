/* The built-in networks, as they lie in backbones/. */
    .section .rodata
    .balign 64
    .global tw_builtin_sprout
tw_builtin_sprout:
    .incbin TW_SPROUT_FILE
    .global tw_builtin_sprout_end
tw_builtin_sprout_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
