//! Why a page was not searched, or not as a whole.

use std::borrow::Cow;

use crate::detail::Detail;

phasegate::core::word_type! {
    /// Why a page was not searched, or not as a whole.
    #[non_exhaustive]
    pub enum AnalysisDetail {
        /// The domain gave no page.
        NoPage = "no_page",
        /// The page's text was cut, and the keyword may stand in the rest.
        PartOfPage = "part_of_page",
    }
}

impl AnalysisDetail {
    /// The word in a sentence for people.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::NoPage => "There is no page to search: HTTP validation says why",
            Self::PartOfPage => "Only the first part of the page was searched, since its text was cut",
        }
    }

    /// The word with its sentence.
    pub(super) fn detail(self) -> Detail<Self> {
        Detail {
            code: self,
            message: Cow::Borrowed(self.sentence()),
        }
    }
}
