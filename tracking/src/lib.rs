//! What partners bring: campaigns, enrolments, tracked events, attribution
