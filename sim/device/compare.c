/* See compare.h. */
#include "compare.h"
#include <inttypes.h>
#include <string.h>

enum { BBO_FLAGS = FP_EF_BBO_CHANGED | FP_EF_CROSSED | FP_EF_OVERFLOW };
enum { CODE_NO_ROOM = -FP_E_NO_ROOM, SHOWN = 100, BID = 1, ASK = 2, BLIND_SHIFT = 2 };

void fp_compare_init(struct fp_compare *compare) {
    memset(compare, 0, sizeof *compare);
    compare->next_seq = 1;
}

static struct fp_expected *head(struct fp_compare *compare) {
    return compare->get == compare->put ? NULL : &compare->waiting[compare->get % FP_COMPARE_WAITING];
}

int fp_compare_expect(struct fp_compare *compare, const struct fp_expected *expected, unsigned newly_lost) {
    if (compare->put - compare->get == FP_COMPARE_WAITING)
        return FP_E_NO_ROOM;
    compare->waiting[compare->put++ % FP_COMPARE_WAITING] = *expected;
    compare->marks_owed[expected->event.locate] += (uint8_t)((newly_lost & BID) + (newly_lost >> 1));
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

/* Sides whose best this record of the card does not tell. */
static unsigned untold(const struct fp_event *card, const struct fp_expected *wanted) {
    unsigned blind = card->flags & FP_EF_STALE ? wanted->lost >> BLIND_SHIFT : 0;
    return (wanted->lost | blind) & (BID | ASK);
}

static int same(const struct fp_compare *compare, const struct fp_event *card, const struct fp_expected *wanted) {
    const struct fp_event *software = &wanted->event;
    unsigned flags = software->flags, ignored = compare->ignored_flags, unknown = untold(card, wanted);
    if (unknown || compare->marked[software->locate])
        flags |= FP_EF_STALE;
    if (unknown)
        ignored |= BBO_FLAGS;
    else if (wanted->unsure)
        ignored |= FP_EF_BBO_CHANGED;
    if (!(unknown & BID) && (card->bid_e4 != software->bid_e4 || card->bid_shares != software->bid_shares))
        return 0;
    if (!(unknown & ASK) && (card->ask_e4 != software->ask_e4 || card->ask_shares != software->ask_shares))
        return 0;
    return card->venue_ns == software->venue_ns && card->ref == software->ref && card->price_e4 == software->price_e4 &&
           card->shares == software->shares && card->locate == software->locate && card->venue == software->venue &&
           card->kind == software->kind && !((card->flags ^ flags) & ~ignored & 0xffff);
}

static int is_notice(uint8_t kind) {
    return kind >= 0x80 && kind != FP_EV_STALE && kind != FP_EV_TABLE_FULL;
}

/* Records of excused symbols are not waited for. */
static void drop_excused(struct fp_compare *compare) {
    for (struct fp_expected *next = head(compare); next && compare->excused[next->event.locate]; next = head(compare))
        compare->get++;
}

int fp_compare_record(struct fp_compare *compare, const struct fp_event *event) {
    compare->history[compare->records++ % FP_COMPARE_HISTORY] = *event;
    if (event->seq != compare->next_seq++)
        return differ(compare, event, "the card's numbering has a hole");
    uint16_t locate = event->locate;
    if (is_notice(event->kind)) {
        compare->notices++;
        compare->notice_codes[event->kind & 0x7f][event->kind == FP_EV_FRAME_BAD ? event->price_e4 & 31 : 0]++;
        if (event->kind == FP_EV_GAP || event->kind == FP_EV_GAP_LOST || (event->kind == FP_EV_FRAME_BAD && event->shares)) {
            compare->all_stale = 1;
            if (!(event->flags & FP_EF_STALE))
                return differ(compare, event, "a notice that makes every book stale is not flagged");
        }
        return 0;
    }
    drop_excused(compare);
    const struct fp_expected *wanted = head(compare);
    if (wanted && same(compare, event, wanted)) {
        if (untold(event, wanted))
            compare->partly++;
        else
            compare->compared++;
        compare->get++;
        compare->kinds[event->kind]++;
        return 0;
    }
    if (event->kind == FP_EV_STALE && event->price_e4 == CODE_NO_ROOM && !event->ref) {
        if (!compare->marks_owed[locate] && !compare->excused[locate])
            return differ(compare, event, "a side was told lost that its window holds");
        compare->marks_owed[locate] -= compare->marks_owed[locate] != 0;
        compare->marked[locate] = 1;
        compare->sides_lost++;
        return 0;
    }
    if (compare->excused[locate]) {
        compare->excused_records++;
        return event->flags & FP_EF_STALE ? 0 : differ(compare, event, "a symbol that lost orders is not flagged stale");
    }
    if (!wanted)
        return differ(compare, event, "the card left a record that the software did not");
    if (event->kind == FP_EV_TABLE_FULL && event->ref == wanted->event.ref && event->flags & FP_EF_STALE && locate == wanted->event.locate) {
        compare->table_full++;
        compare->excused[locate] = 1;
        compare->marks_owed[locate] = 0;
        compare->get++;
        return 0;
    }
    return differ(compare, event, "the records differ");
}

int fp_compare_settled(struct fp_compare *compare) {
    drop_excused(compare);
    if (compare->get != compare->put)
        return differ(compare, NULL, "the card did not leave a record that the software did");
    for (int locate = 0; locate < 65536; locate++)
        if (compare->marks_owed[locate] && !compare->excused[locate])
            return differ(compare, NULL, "a lost side was not told");
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
        fprintf(out, "message %" PRIu64 ", sequence %" PRIu64 ", type %c, %u bytes:", compare->wanted.message, compare->wanted.sequence, compare->wanted.bytes[0], compare->wanted.length);
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
