/* See compare.h. */
#include "compare.h"
#include <inttypes.h>
#include <string.h>

enum { BBO_FLAGS = FP_EF_STALE | FP_EF_BBO_CHANGED | FP_EF_CROSSED | FP_EF_OVERFLOW };
enum { CODE_BAD_FIELD = -FP_E_BAD_FIELD, CODE_NO_ROOM = -FP_E_NO_ROOM, SHOWN = 100 };

void fp_compare_init(struct fp_compare *compare) {
    memset(compare, 0, sizeof *compare);
    compare->next_seq = 1;
}

static struct fp_expected *head(struct fp_compare *compare) {
    return compare->get == compare->put ? NULL : &compare->waiting[compare->get % FP_COMPARE_WAITING];
}

int fp_compare_expect(struct fp_compare *compare, const struct fp_event *events, int count, uint64_t message, const uint8_t *bytes, int length) {
    int first = 0;
    if (count == 2 && events[0].kind == FP_EV_STALE) { /* an order of another symbol: its owner's record comes later */
        if (compare->debt_count == FP_COMPARE_DEBTS)
            return FP_E_NO_ROOM;
        compare->owed[events[0].locate]++;
        compare->debts[compare->debt_count].owner = events[0].locate;
        compare->debts[compare->debt_count++].ref = events[0].ref;
        first = 1;
    }
    for (int i = first; i < count; i++) {
        if (compare->put - compare->get == FP_COMPARE_WAITING)
            return FP_E_NO_ROOM;
        struct fp_expected *entry = &compare->waiting[compare->put++ % FP_COMPARE_WAITING];
        entry->event = events[i];
        entry->message = message;
        entry->length = (uint8_t)(length < FP_COMPARE_MESSAGE ? length : FP_COMPARE_MESSAGE);
        memcpy(entry->bytes, bytes, entry->length);
    }
    return 0;
}

static int differ(struct fp_compare *compare, const struct fp_event *event, const char *reason) {
    struct fp_expected *wanted = head(compare);
    compare->reason = reason;
    if (event)
        compare->difference = *event;
    else
        memset(&compare->difference, 0, sizeof compare->difference);
    if (wanted)
        compare->wanted = *wanted;
    else
        memset(&compare->wanted, 0, sizeof compare->wanted);
    return FP_E_CORRUPT;
}

/* shown: the BBO is to be the same as well. */
static int same(const struct fp_event *a, const struct fp_event *b, uint16_t ignored, int shown) {
    if (shown ? a->bid_e4 != b->bid_e4 || a->bid_shares != b->bid_shares || a->ask_e4 != b->ask_e4 || a->ask_shares != b->ask_shares
              : !(a->flags & FP_EF_STALE))
        return 0;
    return a->venue_ns == b->venue_ns && a->ref == b->ref && a->price_e4 == b->price_e4 && a->shares == b->shares && a->locate == b->locate &&
           a->venue == b->venue && a->kind == b->kind && !((a->flags ^ b->flags) & (uint16_t)~ignored);
}

static int is_notice(uint8_t kind) {
    return kind >= 0x80 && kind != FP_EV_STALE && kind != FP_EV_TABLE_FULL;
}

/* Records of excused symbols are not waited for. */
static void drop_excused(struct fp_compare *compare) {
    for (struct fp_expected *next = head(compare); next && compare->excused[next->event.locate] == FP_EXCUSED_ORDERS; next = head(compare))
        compare->get++;
}

/* The owner of an order that another symbol's message named is told. Returns 1 when that was owed. */
static int pay(struct fp_compare *compare, uint16_t owner, uint64_t ref) {
    for (int i = 0; i < compare->debt_count; i++)
        if (compare->debts[i].owner == owner && compare->debts[i].ref == ref) {
            compare->debts[i] = compare->debts[--compare->debt_count];
            compare->owed[owner]--;
            compare->stale_owed++;
            return 1;
        }
    return 0;
}

int fp_compare_record(struct fp_compare *compare, const struct fp_event *event) {
    compare->history[compare->records++ % FP_COMPARE_HISTORY] = *event;
    if (event->seq != compare->next_seq++)
        return differ(compare, event, "the card's numbering has a hole");
    if (is_notice(event->kind)) {
        compare->notices++;
        compare->all_stale |= event->kind == FP_EV_GAP_LOST || (event->kind == FP_EV_FRAME_BAD && event->shares);
        return 0;
    }
    uint16_t locate = event->locate;
    drop_excused(compare);
    const struct fp_expected *wanted = head(compare);
    uint16_t ignored = compare->ignored_flags | (compare->owed[locate] ? FP_EF_STALE : 0);
    int lost = compare->excused[locate] == FP_EXCUSED_LEVELS || compare->excused[locate] == FP_EXCUSED_SOON;
    if (wanted && (lost ? same(event, &wanted->event, ignored | BBO_FLAGS, 0) : same(event, &wanted->event, ignored, 1))) {
        compare->get++;
        compare->compared++;
        compare->excused_records += (uint64_t)lost;
        compare->kinds[event->kind]++;
        return 0;
    }
    if (event->kind == FP_EV_STALE && event->price_e4 == CODE_BAD_FIELD && pay(compare, locate, event->ref))
        return 0;
    if (event->kind == FP_EV_STALE && event->price_e4 == CODE_NO_ROOM && !event->ref) {
        compare->sides_lost++;
        if (compare->excused[locate] != FP_EXCUSED_ORDERS)
            compare->excused[locate] = FP_EXCUSED_LEVELS;
        return 0;
    }
    if (compare->excused[locate] == FP_EXCUSED_ORDERS) {
        compare->excused_records++;
        return event->flags & FP_EF_STALE ? 0 : differ(compare, event, "a symbol that lost orders is not flagged stale");
    }
    if (!wanted)
        return differ(compare, event, "the card left a record that the software did not");
    if (event->kind == FP_EV_TABLE_FULL && event->ref == wanted->event.ref && event->flags & FP_EF_STALE && locate == wanted->event.locate) {
        compare->table_full++;
        compare->excused[locate] = FP_EXCUSED_ORDERS;
        compare->get++;
        return 0;
    }
    if (!lost && same(event, &wanted->event, ignored | BBO_FLAGS, 0) && !(wanted->event.flags & FP_EF_STALE)) {
        compare->excused[locate] = FP_EXCUSED_SOON;
        compare->excused_records++;
        compare->get++;
        compare->wanted = *wanted; /* shown should the STALE with code 7 never come */
        compare->difference = *event;
        return 0;
    }
    return differ(compare, event, "the records differ");
}

int fp_compare_settled(struct fp_compare *compare) {
    drop_excused(compare);
    if (compare->get != compare->put)
        return differ(compare, NULL, "the card did not leave a record that the software did");
    for (int locate = 0; locate < 65536; locate++) {
        if (compare->owed[locate])
            return differ(compare, NULL, "an order's owner was not told STALE");
        if (compare->excused[locate] == FP_EXCUSED_SOON) {
            compare->reason = "a record was flagged stale without a reason";
            return FP_E_CORRUPT;
        }
    }
    return 0;
}

static void show_flags(uint16_t flags, FILE *out) {
    static const char *const names[] = {"bbo_changed", "stale", "overflow", "line_b", "sell", "more", "recovered", "non_printable",
                                        "unknown_ref", "crossed", "halted", "order_done"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (flags >> i & 1)
            fprintf(out, " %s", names[i]);
}

static void show_line(const struct fp_event *e, FILE *out) {
    fprintf(out, "%10" PRIu64 " %c(%3u) locate %5u ref %20" PRIu64 " %10u x %-10u bid %10u x %-8u ask %10u x %-8u aux %3u", e->seq,
            e->kind >= 32 && e->kind < 127 ? e->kind : '.', e->kind, e->locate, e->ref, e->price_e4, e->shares, e->bid_e4, e->bid_shares,
            e->ask_e4, e->ask_shares, e->aux);
    show_flags(e->flags, out);
    fputc('\n', out);
}

static void show_field(const char *name, uint64_t software, uint64_t card, FILE *out) {
    fprintf(out, "  %-12s %20" PRIu64 " %20" PRIu64 "%s\n", name, software, card, software == card ? "" : "  <--");
}

void fp_compare_report(const struct fp_compare *compare, FILE *out) {
    const struct fp_event *s = &compare->wanted.event, *c = &compare->difference;
    fprintf(out, "difference: %s\n", compare->reason);
    if (compare->wanted.length) {
        fprintf(out, "message %" PRIu64 ", type %c, %u bytes:", compare->wanted.message, compare->wanted.bytes[0], compare->wanted.length);
        for (unsigned i = 0; i < compare->wanted.length; i++)
            fprintf(out, " %02x", compare->wanted.bytes[i]);
        fputc('\n', out);
    }
    fprintf(out, "  %-12s %20s %20s\n", "field", "software", "card");
    show_field("venue_ns", s->venue_ns, c->venue_ns, out);
    show_field("ref", s->ref, c->ref, out);
    show_field("price_e4", s->price_e4, c->price_e4, out);
    show_field("shares", s->shares, c->shares, out);
    show_field("bid_e4", s->bid_e4, c->bid_e4, out);
    show_field("bid_shares", s->bid_shares, c->bid_shares, out);
    show_field("ask_e4", s->ask_e4, c->ask_e4, out);
    show_field("ask_shares", s->ask_shares, c->ask_shares, out);
    show_field("locate", s->locate, c->locate, out);
    show_field("venue", s->venue, c->venue, out);
    show_field("kind", s->kind, c->kind, out);
    show_field("flags", s->flags, c->flags, out);
    fputs("  software:", out);
    show_flags(s->flags, out);
    fputs("\n  card:", out);
    show_flags(c->flags, out);
    fprintf(out, "\nthe card's last records:\n");
    uint64_t first = compare->records > SHOWN ? compare->records - SHOWN : 0;
    for (uint64_t i = first; i < compare->records; i++)
        show_line(&compare->history[i % FP_COMPARE_HISTORY], out);
}
