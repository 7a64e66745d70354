/* The one codec behind every table-driven protocol: a generated field table moves a
 * message between wire bytes and its host-order struct.
 *
 * It knows no protocol, checks no lengths (its callers do) and never allocates. */
#ifndef FP_CODEC_H
#define FP_CODEC_H
#include "layout.h"

/* Fill the fields of *out (the layout's own struct) from layout->length wire bytes. Fields only: padding stays as it was. */
void fp_layout_decode(const struct fp_layout *layout, const uint8_t *bytes, void *out);

/* Write layout->length wire bytes. Returns layout->length, or FP_E_BAD_FIELD when a
 * value does not fit its wire width (a 48-bit time); out is then not to be used. */
int fp_layout_encode(const struct fp_layout *layout, const void *message, uint8_t *out);

#endif
