/* What the page is made of, as it lies in page/. */
    .section .rodata
    .global tw_report_style
tw_report_style:
    .incbin TW_REPORT_STYLE_FILE
    .global tw_report_style_end
tw_report_style_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
