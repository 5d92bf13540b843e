package wallboard

// From is New of other files.
var From = from
