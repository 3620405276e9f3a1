#include "event.h"

const char *mw_event_name(uint32_t kind)
{
#define MW_EVENT_NAME(kind, carries) #kind,
    static const char *const names[] = {MW_EVENT_KINDS(MW_EVENT_NAME)};
    return kind < MW_EVENT_COUNT ? names[kind] : "?";
}
