/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file of em-small's weights, as it is, inside the executables that use it: what scripts/train-encoder wrote. */
	.section .rodata
	.balign 64
	.globl em_small_weights, em_small_weights_end
em_small_weights:
	.incbin "lib/vision/em-small.safetensors"
em_small_weights_end:
	.byte 0
	.section .note.GNU-stack, "", %progbits
