//! Chinese.

use super::{Feast, Lexicon, Part, Unit, Which, strong};

#[rustfmt::skip] // One entry a line would hide the table.
pub static WORDS: Lexicon = Lexicon {
    code: "zh",
    numbers: &[
        ("零", 0), ("〇", 0), ("一", 1), ("二", 2), ("两", 2), ("三", 3), ("四", 4), ("五", 5), ("六", 6), ("七", 7),
        ("八", 8), ("九", 9), ("十", 10), ("百", 100),
    ],
    joints: &[],
    ordinals: &[],
    ordinal_endings: &[],
    units: &[
        ("秒", Unit::Second), ("秒钟", Unit::Second), ("分", Unit::Minute), ("分钟", Unit::Minute), ("小时", Unit::Hour),
        ("个小时", Unit::Hour), ("钟头", Unit::Hour), ("个钟头", Unit::Hour), ("个钟", Unit::Hour), ("天", Unit::Day),
        ("日", Unit::Day), ("周", Unit::Week), ("个周", Unit::Week), ("星期", Unit::Week), ("个星期", Unit::Week),
        ("礼拜", Unit::Week), ("个礼拜", Unit::Week), ("个月", Unit::Month), ("年", Unit::Year),
    ],
    one: &[],
    spans: &[
        ("半小时", 1_800), ("半个小时", 1_800), ("半个钟头", 1_800), ("半个钟", 1_800), ("半分钟", 30), ("一刻钟", 900),
        ("三刻钟", 2_700), ("半天", 43_200), ("半个月", 1_296_000),
    ],
    half_before: &["个半"],
    half_after: &["半钟", "半"],
    and: &["零", "又", "和", "加"],
    clocks: &[
        strong("H点半", 30, 0), strong("H点M分", 0, 1), strong("H点M", 0, 1), strong("H点零M分", 0, 1),
        strong("H点零M", 0, 1), strong("H点过M分", 0, 1), strong("H点一刻", 15, 0), strong("H点三刻", 45, 0),
        strong("差M分H点", 0, -1), strong("差M分钟H点", 0, -1), strong("差一刻H点", -15, 0), strong("H点差M分", 0, -1),
        strong("H点钟", 0, 0), strong("H点整", 0, 0), strong("H点", 0, 0), strong("H时M分", 0, 1), strong("H时", 0, 0),
    ],
    named: &[("正午", 720), ("午夜", 1_440), ("半夜十二点", 1_440), ("零点", 1_440), ("中午", 720)],
    after_noon: &[],
    at: &["在", "到", "于"],
    clock_words: &[],
    parts: &[
        ("早上", Part::Morning), ("早晨", Part::Morning), ("清晨", Part::Morning), ("上午", Part::Morning),
        ("凌晨", Part::Morning), ("早", Part::Morning), ("下午", Part::Afternoon), ("午后", Part::Afternoon),
        ("中午", Part::Afternoon), ("傍晚", Part::Evening), ("晚上", Part::Night), ("夜里", Part::Night),
        ("晚", Part::Evening), ("今晚", Part::Tonight), ("今天晚上", Part::Tonight), ("今夜", Part::Tonight),
    ],
    days: &[
        ("今天", 0), ("今日", 0), ("今", 0), ("明天", 1), ("明日", 1), ("明", 1), ("后天", 2), ("大后天", 3), ("昨天", -1),
        ("前天", -2),
    ],
    weekdays: &[
        ("周一", 0), ("周二", 1), ("周三", 2), ("周四", 3), ("周五", 4), ("周六", 5), ("周日", 6), ("周天", 6),
        ("星期一", 0), ("星期二", 1), ("星期三", 2), ("星期四", 3), ("星期五", 4), ("星期六", 5), ("星期日", 6),
        ("星期天", 6), ("礼拜一", 0), ("礼拜二", 1), ("礼拜三", 2), ("礼拜四", 3), ("礼拜五", 4), ("礼拜六", 5),
        ("礼拜天", 6),
    ],
    which_before: &[
        ("下", Which::NextWeek), ("下个", Which::NextWeek), ("这", Which::ThisWeek), ("这个", Which::ThisWeek),
        ("本", Which::ThisWeek), ("上", Which::Last), ("上个", Which::Last),
    ],
    which_after: &[],
    months: &[],
    of: &[],
    before_day: &[],
    feasts: &[
        ("圣诞节", Feast::Fixed(25, 12)), ("圣诞", Feast::Fixed(25, 12)), ("平安夜", Feast::Fixed(24, 12)),
        ("元旦", Feast::Fixed(1, 1)), ("国庆节", Feast::Fixed(1, 10)), ("国庆", Feast::Fixed(1, 10)),
        ("劳动节", Feast::Fixed(1, 5)), ("情人节", Feast::Fixed(14, 2)), ("儿童节", Feast::Fixed(1, 6)),
        ("妇女节", Feast::Fixed(8, 3)), ("复活节", Feast::Easter(0)), ("万圣节", Feast::Fixed(31, 10)),
    ],
    ahead: &["再过", "过"],
    from_now: &["后", "之后", "以后", "过后"],
    ago_before: &[],
    ago: &["前", "之前", "以前"],
    links: &["的", "在"],
    waking: &["叫醒", "起床", "叫我起", "醒"],
};
