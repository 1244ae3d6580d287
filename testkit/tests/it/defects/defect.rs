//! What can be wrong with a store.

macro_rules! defects {
    ($($name:ident,)*) => {
        /// What is wrong with a store.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Defect {
            $($name,)*
        }

        impl Defect {
            /// Every defect.
            pub const ALL: [Self; [$(Self::$name),*].len()] = [$(Self::$name),*];
        }
    };
}

defects! {
    CommitsOnAnOldVersion,
    ForgetsExpectedResources,
    IgnoresTheExpectedBatch,
    UsesADeletedIdAgain,
    WritesOutputOfAConflict,
    AppendsForADeferredTicket,
    AcknowledgesAnotherBatch,
    CountsEveryBatchAsProgress,
    ShowsPrunedRuns,
    ShowsDeletedRecords,
    GivesTheLeaseToAnotherOwner,
    RenewsByEveryCommit,
    RenewsWhatIsOver,
    TakesOverAHeldLease,
    ForgetsThatItWasReleased,
    DueIgnoresPipelines,
    DueHidesNothing,
    GivesNothingBack,
    TellsTheNextMomentTooLate,
    NeverChangesTheMark,
    WakesForNothing,
    TakesAnyEventForRest,
    NeverWakes,
    LeavesAGapInTheNumbers,
    LosesACursorWithItsEvent,
    SkipsOneBetweenPages,
    TellsNothingOfResources,
    FindsKeysOfOtherScopes,
    KeepsKeysBeyondTheirEnd,
    SaysYesOfAnUnknownCommit,
    IgnoresASecondAttribute,
    LosesNamedCursorsAtAClose,
    DrawsTheTokenSecretAnew,
}
