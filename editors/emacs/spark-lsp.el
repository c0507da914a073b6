;;; spark-lsp.el --- spark-lsp for eglot  -*- lexical-binding: t -*-

;; Load this file, or copy the code below, then run `M-x eglot' in a buffer of code (Emacs 30 or later).

(defvar spark-lsp-status nil
  "The server's last status, a plist with :engine, :state, :reason and :code.
The reason is a sentence for people, which may be reworded; compare the code.")

(defun spark-lsp-status ()
  "Show which engine answers, or why there is no suggestion."
  (interactive)
  (message "spark-lsp: %s, %s: %s" (or (plist-get spark-lsp-status :engine) "no engine yet")
           (plist-get spark-lsp-status :state) (plist-get spark-lsp-status :reason)))

(defun spark-lsp-contact (&optional _interactive)
  "Return the command that starts the server.
It skips relative entries of `exec-path': they refer to the project, which may contain a program."
  (let ((exec-path (seq-filter #'file-name-absolute-p exec-path)))
    (list (or (executable-find "spark-lsp") (user-error "spark-lsp is not on the search path")) "serve")))

;; The commands need a buffer that eglot manages.

(defvar spark-lsp-instructions nil "The history of instructions in the minibuffer.")

(defun spark-lsp--run (command &rest argument)
  "Have the server run COMMAND with the plist ARGUMENT, and return its answer."
  (eglot-execute (eglot-current-server)
                 (list :title command :command command :arguments (if argument (vector argument) []))))

(defun spark-lsp--uri ()
  "Return the URI of the buffer."
  (plist-get (eglot--TextDocumentIdentifier) :uri))

(defun spark-lsp--ask (prompt)
  "Read an instruction with PROMPT; the earlier ones are the completions and the history."
  (let* ((answer (spark-lsp--run "spark.instructions"))
         (spark-lsp-instructions (append (plist-get answer :instructions) nil)))
    (completing-read prompt spark-lsp-instructions nil nil nil 'spark-lsp-instructions)))

(defun spark-lsp-edit (instruction beginning end)
  "Edit the region, or the definition around point, by INSTRUCTION."
  (interactive (list (spark-lsp--ask "Edit: ")
                     (if (use-region-p) (region-beginning) (point))
                     (if (use-region-p) (region-end) (point))))
  (spark-lsp--run "spark.edit" :action "instruct" :uri (spark-lsp--uri) :instruction instruction
                  :range (list :start (eglot--pos-to-lsp-position beginning)
                               :end (eglot--pos-to-lsp-position end))))

(defun spark-lsp-edit-again (instruction)
  "Continue the last edit of this buffer with INSTRUCTION."
  (interactive (list (spark-lsp--ask "Again, but: ")))
  (spark-lsp--run "spark.editAgain" :uri (spark-lsp--uri) :instruction instruction))

(defun spark-lsp-steer (instruction)
  "Start the edit under way again, with INSTRUCTION in addition."
  (interactive (list (spark-lsp--ask "And: ")))
  (spark-lsp--run "spark.steer" :instruction instruction))

(defun spark-lsp-undo-edit ()
  "Undo the last edit of this buffer, and nothing that was typed since."
  (interactive)
  (spark-lsp--run "spark.undoEdit" :uri (spark-lsp--uri)))

(with-eval-after-load 'eglot
  ;; Eglot sends the language by the mode's name, or as given here.
  (add-to-list 'eglot-server-programs
               '((python-mode python-ts-mode
                  (js-mode :language-id "javascript") (js-ts-mode :language-id "javascript")
                  (typescript-ts-mode :language-id "typescript")
                  (tsx-ts-mode :language-id "typescriptreact"))
                 . spark-lsp-contact))
  (cl-defmethod eglot-handle-notification (_server (_method (eql spark/status)) &rest status)
    "Keep STATUS for `spark-lsp-status'."
    (setq spark-lsp-status status))
  (cl-defmethod eglot-handle-notification (_server (_method (eql spark/edit)) &rest _)
    "Ignore the end of an edit: the server reports it in a message too.")
  (cl-defmethod eglot-handle-notification (_server (_method (eql spark/explanation)) &rest _)
    "Ignore the growth of an explanation: the server shows all of it in a message."))

(provide 'spark-lsp)
;;; spark-lsp.el ends here
