/* Records that the journal is owed; see owed.h. */
#include "state.h"

int fp_owed_settle(struct fp_oms *oms) {
    struct fp_owed_list *owed = &oms->owed;
    for (; owed->count; owed->count--, owed->first = (owed->first + 1) % FP_OWED_MAX) {
        const struct fp_owed *record = &owed->records[owed->first];
        int rc = oms->sink.journal(oms->sink.context, record->type, record->venue, &record->body, record->length, record->time_ns);
        if (rc)
            return rc;
    }
    return 0;
}

int fp_owed_put(struct fp_oms *oms, uint16_t type, uint16_t venue, const void *body, uint16_t length, uint64_t now_ns) {
    struct fp_owed_list *owed = &oms->owed;
    if (fp_journal_put(oms, type, venue, body, length, now_ns) == 0)
        return 0;
    oms->venues[venue].stats.unjournaled++;
    if (owed->count == FP_OWED_MAX)
        return 1;
    struct fp_owed *record = &owed->records[(owed->first + owed->count++) % FP_OWED_MAX];
    *record = (struct fp_owed){.time_ns = now_ns, .type = type, .venue = venue, .length = length};
    memcpy(&record->body, body, length);
    return 1;
}
